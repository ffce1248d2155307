"""The contract on notes, their transcriptions and audio, API keys and the account."""

import asyncio
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.app import SettableClock
from support.clips import AUDIO

from conformance.conftest import Library
from conformance.examples import TIME, UUID
from conformance.promises import RECORDINGS, promise
from conformance.service import SPOKEN, ApiUser, Service

NOTES = "/v1/voicenotes"
KEYS = "/v1/account/api-keys"
CLIP = (AUDIO / SPOKEN).read_bytes()


@promise("contract", "Resources: Lists", "Newest first")
async def test_lists_newest_first(clock: SettableClock, user: ApiUser) -> None:
    made: list[str] = []
    for minutes in (0, 0, 10):
        clock.advance(timedelta(minutes=minutes))
        made.append((await user.upload())["id"])
    assert await user.ids(NOTES) == made[::-1]


@promise("contract", "Resources: Lists", "`q` keeps the notes in whose title or transcription the words are")
async def test_lists_by_words(service: Service, user: ApiUser) -> None:
    weather, canoe = await user.upload(), await user.upload("harvard-birch-canoe.wav")
    await service.work()
    assert await user.ids(f"{NOTES}?q=WEATHER") == [weather["id"]]
    assert await user.ids(f"{NOTES}?q=smooth+planks") == [canoe["id"]]
    assert await user.ids(f"{NOTES}?q=weather+planks") == []


@promise(
    "contract",
    "Resources: Lists",
    "`tag.<key>=<value>` keeps the notes with this tag; several must all match",
)
async def test_lists_by_tag(user: ApiUser) -> None:
    both = await user.upload(custom_tags='{"jobId": "job 1", "kind": "memo"}')
    one = await user.upload(custom_tags='{"kind": "memo"}')
    await user.upload()
    assert await user.ids(f"{NOTES}?tag.kind=memo") == [one["id"], both["id"]]
    assert await user.ids(f"{NOTES}?tag.kind=memo&tag.jobId=job+1") == [both["id"]]
    assert await user.ids(f"{NOTES}?tag.kind=Memo") == []


@promise("contract", "Resources: Lists", "`user_id` keeps one user's notes")
async def test_lists_by_user(user: ApiUser) -> None:
    note = await user.upload(user_id="ann")
    await user.upload(user_id="bob")
    assert await user.ids(f"{NOTES}?user_id=ann") == [note["id"]]


@promise("contract", "Resources: Notes", "`recordings` are the same notes under the other name")
async def test_notes_are_recordings(service: Service, user: ApiUser) -> None:
    note = await service.transcribed(user)
    uri = f"/v1/recordings/{note['id']}"
    recording = await user.get(uri)
    assert {**recording, "uri": "", "subresource_uris": {}} == {**note, "uri": "", "subresource_uris": {}}
    assert (recording["uri"], recording["subresource_uris"]) == (
        uri,
        {"transcription": f"{uri}/transcription"},
    )
    page = await user.get("/v1/recordings")
    assert [one["uri"] for one in page["recordings"]] == [uri]
    assert page["first_page_uri"].startswith("/v1/recordings?")
    transcription = await user.get(f"{uri}/transcription")
    assert (transcription["recording_id"], transcription["uri"]) == (note["id"], f"{uri}/transcription")
    assert "voicenote_id" not in transcription


@promise("contract", "Resources: Notes", "What can be known of the audio is filled in")
async def test_notes_are_filled_in(service: Service, user: ApiUser) -> None:
    note = await service.transcribed(user, clip="mp3-44k-stereo.mp3")
    assert (note["sample_rate"], note["channels"], note["audio_codec"]) == (44100, 2, "mp3")
    assert note["bit_rate"] == pytest.approx(note["file_size_bytes"] * 8 / note["duration_seconds"], rel=0.2)
    assert TIME.fullmatch(note["processed_at"])
    assert note["s3_bucket"]


@promise("contract", "Resources: Notes", "`client_ip` and `user_agent` tell who uploaded")
async def test_notes_tell_their_client(user: ApiUser) -> None:
    files = {"file": ("a.wav", CLIP)}
    answer = await user.call("POST", NOTES, files=files, headers={"User-Agent": "recorder/7"})
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+", answer.json()["client_ip"])  # where these tests call from
    assert answer.json()["user_agent"] == "recorder/7"


@promise(
    "contract", "Resources: Notes", "`upload_source` is `recorder` for tokens, `sdk` for our SDK, else `api`"
)
async def test_notes_tell_their_source(service: Service, user: ApiUser) -> None:
    assert (await (await user.token()).upload())["upload_source"] == "recorder"
    assert (await user.upload())["upload_source"] == "api"
    with service.client(user) as client:
        uploaded: Any = await asyncio.to_thread(client.voicenotes.upload, AUDIO / SPOKEN)
    assert (await user.get(f"{NOTES}/{uploaded.id}"))["upload_source"] == "sdk"


@promise("contract", "Resources: Notes", "A note whose audio has not arrived is 200 with status `created`")
async def test_notes_without_audio(user: ApiUser) -> None:
    announced = await user.announce()
    note = await user.get(f"{NOTES}/{announced['voicenote_id']}")
    assert (note["status"], note["duration_seconds"], note["file_size_bytes"]) == ("created", None, None)
    error = await user.refused("GET", f"{NOTES}/{note['id']}/transcription", 404)
    assert error["code"] == 3002


@promise("contract", "Resources: Notes", "Deleting takes row, audio and transcription, for good")
async def test_notes_are_deleted_for_good(service: Service, user: ApiUser) -> None:
    note = await service.transcribed(user)
    stored = service.api.context.settings.data_dir / "audio" / note["s3_key"]
    assert stored.read_bytes() == CLIP
    await user.call("DELETE", note["uri"])
    await service.work()
    assert not stored.exists()
    for below in ("", "/transcription", "/audio"):
        await user.refused("GET", f"{note['uri']}{below}", 404)
    assert (await user.get(f"{NOTES}?q=weather"))["total"] == 0


@promise(
    "contract", "Resources: Transcriptions", "`words` is JSON text: each word with its times and confidence"
)
async def test_transcriptions_have_words(library: Library) -> None:
    found = await library.user.get(f"{library.mp3['uri']}/transcription")
    words: list[dict[str, Any]] = json.loads(found["words"])
    assert {tuple(word) for word in words} == {("word", "start_time", "end_time", "confidence")}
    assert " ".join(word["word"] for word in words) == found["text"]
    times = [time for word in words for time in (word["start_time"], word["end_time"])]
    assert times == sorted(times)
    assert times[-1] <= library.mp3["duration_seconds"] + 0.01
    assert all(0 <= word["confidence"] <= 1 for word in words)


@promise(
    "contract", "Resources: Transcriptions", "`segments` are the text's parts with `start`, `end` and `text`"
)
async def test_transcriptions_have_segments(library: Library) -> None:
    found = await library.user.get(f"{library.mp3['uri']}/transcription")
    assert {tuple(segment) for segment in found["segments"]} == {("start", "end", "text")}
    assert " ".join(segment["text"].strip() for segment in found["segments"]) == found["text"]
    assert all(segment["start"] < segment["end"] for segment in found["segments"])


@promise("contract", "Resources: Transcriptions", "Not ready: 404, code 3002, TRANSCRIPTION_NOT_READY")
async def test_transcriptions_not_ready(user: ApiUser) -> None:
    error = await user.refused("GET", f"{(await user.upload())['uri']}/transcription", 404)
    assert (error["code"], error["name"]) == (3002, "TRANSCRIPTION_NOT_READY")


@promise(
    "contract", "Resources: Transcriptions", "Failed: 404, code 3003, TRANSCRIPTION_FAILED, with the reason"
)
async def test_transcriptions_failed(library: Library) -> None:
    error = await library.user.refused("GET", f"{library.failed['uri']}/transcription", 404)
    assert (error["code"], error["name"]) == (3003, "TRANSCRIPTION_FAILED")
    assert library.failed["failure"]["message"] in error["message"]


@promise("contract", "Resources: Transcriptions", "Both messages say `transcription` and never `recording`")
@pytest.mark.parametrize("path", [NOTES, RECORDINGS.path])
async def test_transcriptions_are_called_so(library: Library, user: ApiUser, path: str) -> None:
    waiting = await user.upload()
    for asker, note in ((user, waiting), (library.user, library.failed)):
        error = await asker.refused("GET", f"{path}/{note['id']}/transcription", 404)
        assert "transcription" in error["message"].lower()
        assert "recording" not in error["message"].lower()


@promise(
    "contract", "Resources: Transcriptions", "`format=text`, `srt` or `vtt` shows it as text or subtitles"
)
async def test_transcriptions_in_other_forms(library: Library) -> None:
    uri = f"{library.mp3['uri']}/transcription"
    said = (await library.user.get(uri))["text"]
    assert (await library.user.get(f"{uri}?format=json"))["text"] == said
    shown = {form: await library.user.call("GET", f"{uri}?format={form}") for form in ("text", "srt", "vtt")}
    assert {answer.status_code for answer in shown.values()} == {200}
    assert shown["text"].text == said
    assert shown["srt"].text.startswith("1\n00:00:00,")
    assert shown["vtt"].text.startswith("WEBVTT\n\n00:00:00.")
    for form, arrow in (("srt", r"\d\d:\d\d:\d\d,\d{3}"), ("vtt", r"\d\d:\d\d:\d\d\.\d{3}")):
        assert re.search(rf"^{arrow} --> {arrow}$", shown[form].text, flags=re.MULTILINE)
        spoken = [line for line in shown[form].text.splitlines() if re.search("[a-z]", line)]
        assert " ".join(spoken) == said


@promise("contract", "Resources: Transcriptions", "Another `format`: 400 and code 2003")
async def test_transcriptions_in_unknown_forms(library: Library) -> None:
    error = await library.user.refused("GET", f"{library.mp3['uri']}/transcription?format=docx", 400)
    assert (error["code"], error["details"]["field"]) == (2003, "format")


AGAIN = "Resources: Transcribing again"


@promise("contract", AGAIN, "`POST …/transcribe` is 202 with the note, which is `processing` again")
@pytest.mark.parametrize("path", [NOTES, RECORDINGS.path])
async def test_again_is_accepted(service: Service, user: ApiUser, path: str) -> None:
    note = await service.transcribed(user)
    again = await user.post(f"{path}/{note['id']}/transcribe", status=202)
    assert (again["id"], again["status"]) == (note["id"], "processing")
    await service.work()
    assert (await user.get(note["uri"]))["status"] == "transcribed"


@promise("contract", AGAIN, "After a failure it is tried anew")
async def test_again_after_a_failure(service: Service, user: ApiUser) -> None:
    note = await service.transcribed(user, clip="wav-0-hz.wav")
    again = await user.post(f"{note['uri']}/transcribe", status=202)
    assert (again["status"], "failure" in again) == ("processing", False)
    await service.work()
    assert (await user.get(note["uri"]))["failure"] == note["failure"]


@promise("contract", AGAIN, "In the same language, too: the old text stays until the new one is done")
async def test_again_in_the_same_language(service: Service, user: ApiUser) -> None:
    note = await service.transcribed(user, language="en")
    old = await user.get(f"{note['uri']}/transcription")
    service.clock.advance(timedelta(seconds=5))
    await user.post(f"{note['uri']}/transcribe", {"language": "en"}, status=202)
    assert await user.get(f"{note['uri']}/transcription") == old
    await service.work()
    new = await user.get(f"{note['uri']}/transcription")
    assert (new["text"], new["language"]) == (old["text"], "english")
    assert new["updated_at"] > old["updated_at"]


@promise("contract", AGAIN, "`language` names what is spoken; an unknown one is 400 and code 2003")
async def test_again_in_an_unknown_language(user: ApiUser) -> None:
    note = await user.upload()
    error = await user.refused("POST", f"{note['uri']}/transcribe", 400, json={"language": "klingon"})
    assert (error["code"], error["details"]["field"]) == (2003, "language")


@promise("contract", "Resources: Audio", "The audio comes back as it was sent")
async def test_audio_whole(user: ApiUser) -> None:
    answer = await user.call("GET", f"{(await user.upload())['uri']}/audio")
    assert (answer.status_code, answer.content) == (200, CLIP)
    assert answer.headers["Content-Type"] == "audio/wav"


@promise("contract", "Resources: Audio", "A Range header gets a part: 206")
@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-99", slice(0, 100)), ("bytes=100-", slice(100, None)), ("bytes=-10", slice(-10, None))],
)
async def test_audio_in_parts(user: ApiUser, asked: str, part: slice) -> None:
    uri = f"{(await user.upload())['uri']}/audio"
    answer = await user.call("GET", uri, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, CLIP[part])
    start, end, _ = part.indices(len(CLIP))
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CLIP)}"


@promise("contract", "Resources: API keys", "The answer that creates one has all its fields")
async def test_api_keys_answer(user: ApiUser) -> None:
    made = await user.post(KEYS, {"name": "Production", "scopes": ["voicenotes:read"]})
    published = {"api_key", "api_secret", "key_prefix", "scopes", "status", "created_at", "uri", "code"}
    assert published < set(made)
    assert (made["status"], made["code"], made["scopes"]) == (
        "active",
        "API_KEY_CREATED",
        ["voicenotes:read"],
    )
    assert made["key_prefix"] == made["api_key"][:10]
    assert TIME.fullmatch(made["created_at"])
    assert made["uri"] == f"{KEYS}/{made['id']}"


@promise("contract", "Resources: API keys", "A key is listed under `api_keys` until it is revoked with 204")
async def test_api_keys_are_revoked(user: ApiUser) -> None:
    made = await user.post(KEYS, {})
    page = await user.get(KEYS)
    assert made["id"] in [key["id"] for key in page["api_keys"]]
    assert (await user.call("DELETE", made["uri"])).status_code == 204
    assert made["id"] not in await user.ids(KEYS)
    assert await user.ids(f"{KEYS}?status=revoked") == [made["id"]]


ACCOUNT = [
    *("id", "tenant_id", "name", "email", "status", "plan", "settings", "created_at", "updated_at", "uri"),
    "usage",
]
USAGE = ["recordings_count", "voicenotes_count", "total_duration_seconds", "storage_used_bytes"]


@promise("contract", "Resources: Account", "The account has all its fields")
async def test_account_has_its_fields(user: ApiUser) -> None:
    account = await user.get("/v1/account")
    assert list(account) == ACCOUNT
    assert list(account["usage"]) == ["current_month", "previous_month"]
    assert [list(month) for month in account["usage"].values()] == [USAGE, USAGE]
    assert account["id"] == account["tenant_id"] == user.tenant_id
    assert UUID.fullmatch(account["id"])
    assert (account["uri"], account["plan"], account["status"]) == ("/v1/account", "enterprise", "active")


@promise("contract", "Resources: Account", "PUT changes name, email and settings")
async def test_account_is_changed(user: ApiUser) -> None:
    changes = {"name": "Acme", "email": "ops@acme.example", "settings": {"theme": "dark"}}
    answer = await user.call("PUT", "/v1/account", json={**changes, "plan": "free"})
    account = await user.get("/v1/account")
    assert answer.json() == account
    assert {name: account[name] for name in changes} == changes
    assert account["plan"] == "enterprise"


@promise("contract", "Resources: Account", "Usage counts this month's notes and last month's")
async def test_account_counts_usage(service: Service, user: ApiUser) -> None:
    service.clock.now = datetime(2025, 9, 30, 12, tzinfo=timezone.utc)
    await service.transcribed(user)
    service.clock.now = datetime(2025, 10, 1, 12, tzinfo=timezone.utc)
    for _ in range(2):
        await service.transcribed(user)
    usage = (await user.get("/v1/account"))["usage"]
    for month, notes in (("previous_month", 1), ("current_month", 2)):
        counted = usage[month]
        assert (counted["recordings_count"], counted["voicenotes_count"]) == (notes, notes)
        assert counted["total_duration_seconds"] == pytest.approx(2.03 * notes, abs=0.05)
        assert counted["storage_used_bytes"] == len(CLIP) * notes
