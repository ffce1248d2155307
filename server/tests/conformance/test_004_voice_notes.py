"""Document 004: LVNG's voice notes."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from support.clips import AUDIO

from conformance.examples import assert_same_form, example
from conformance.promises import promise
from conformance.service import SPOKEN, ApiUser, Service
from conformance.voice_notes import PATH, Sites, completed, create, refusal, titles

GENERAL = "Voice Notes"
CREATE = "Create Voice Note"
CREATE_BODY = "Create Voice Note: Body Parameters"
LIST = "List Voice Notes"
LIST_QUERY = "List Voice Notes: Query Parameters"
GET = "Get Voice Note"
UPDATE = "Update Voice Note"
UPDATE_BODY = "Update Voice Note: Body Parameters"
DELETE = "Delete Voice Note"
TRANSCRIBE = "Transcribe Voice Note"
TRANSCRIPT = "Get Transcript"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MEASURED = "`duration` is the measured one once the note is transcribed, so it may have a fraction"


def with_fraction(shown: Mapping[str, Any]) -> dict[str, Any]:
    """An example whose note has been measured."""
    return {**shown, "voiceNote": {**shown["voiceNote"], "duration": 45.5}}


@promise("004", GENERAL, "The base path is `/api/v2/voice-notes`, and a JWT as bearer authenticates")
async def test_a_token_authenticates(service: Service, lvng: ApiUser) -> None:
    assert (await lvng.get(PATH))["total"] == 0
    stranger = ApiUser(lvng.http, {})
    assert (await refusal(stranger, "GET", "", 401))["error"] == "Unauthorized"


@promise(
    "004",
    GENERAL,
    "The rate limit is 100 requests a minute",
    deviation="it is that of the account's plan: 100 on `pro`, 10 on `free`, a setting on `enterprise`",
)
async def test_rate_limits_are_those_of_the_plan(lvng: ApiUser) -> None:
    answer = await lvng.call("GET", PATH)
    assert int(answer.headers["X-RateLimit-Limit"]) == 6000
    assert int(answer.headers["X-RateLimit-Remaining"]) > 0


@promise("004", GENERAL, "Transcription runs asynchronously: trigger it on demand and poll for results")
async def test_transcription_is_polled_for(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await create(lvng, audioUrl=sites.clip())
    await service.work()
    assert (await lvng.get(f"{PATH}/{note['id']}"))["voiceNote"]["status"] == "created"
    await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    assert (await lvng.get(f"{PATH}/{note['id']}"))["voiceNote"]["status"] == "processing"
    await service.work()
    assert (await lvng.get(f"{PATH}/{note['id']}"))["voiceNote"]["status"] == "completed"


@promise("004", CREATE, "The example: 201 with the same fields in the same order, types and formats")
async def test_create_answers_like_the_example(lvng: ApiUser) -> None:
    answer = await lvng.post(PATH, example("004_create_request"))
    assert_same_form(example("004_create"), answer)
    shown, note = example("004_create")["voiceNote"], answer["voiceNote"]
    for field in (
        "title",
        "audio_url",
        "duration",
        "mime_type",
        "metadata",
        "tags",
        "workspace_id",
        "status",
    ):
        assert note[field] == shown[field]
    assert TIME.fullmatch(note["created_at"])
    assert note["created_at"] == note["updated_at"]


@promise("004", CREATE, "The note has the status `created`; transcription must be triggered separately")
async def test_a_new_note_waits(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await create(lvng, audioUrl=sites.clip())
    await service.work()
    assert (note["status"], sites.site.asked) == ("created", [])


@promise("004", CREATE_BODY, "`audioUrl` is required: the URL of an audio file that is already uploaded")
async def test_create_takes_an_uploads_url(lvng: ApiUser) -> None:
    message = (await refusal(lvng, "POST", "", 400, json={"title": "x"}))["message"]
    assert "audioUrl" in message
    upload = await lvng.announce()
    await lvng.http.put(upload["presigned_url"], content=(AUDIO / SPOKEN).read_bytes())
    assert (await create(lvng, audioUrl=upload["audio_url"]))["audio_url"] == upload["audio_url"]


@promise("004", CREATE_BODY, "`title` is made as `Voice Note {datetime}` when it is left out")
async def test_create_makes_a_title(service: Service, lvng: ApiUser) -> None:
    note = (await lvng.post(PATH, {"audioUrl": "https://cdn.lvng.ai/a.webm"}))["voiceNote"]
    assert note["title"] == f"Voice Note {service.clock.now:%Y-%m-%d %H:%M:%S}"


@promise(
    "004",
    CREATE_BODY,
    "Defaults: `duration` 0, `mimeType` `audio/webm`, `metadata` `{}`, `tags` `[]`, no `workspaceId`",
)
async def test_create_has_defaults(lvng: ApiUser) -> None:
    note = (await lvng.post(PATH, {"audioUrl": "https://cdn.lvng.ai/a.webm"}))["voiceNote"]
    fields = ("duration", "mime_type", "metadata", "tags", "workspace_id")
    assert [note[field] for field in fields] == [0, "audio/webm", {}, [], None]


@promise("004", CREATE_BODY, "`metadata` is an object of arbitrary keys and values")
async def test_create_keeps_metadata(lvng: ApiUser) -> None:
    metadata = {"a": {"b": [1, 2.5, None, "ü"]}, "c": True}
    assert (await create(lvng, metadata=metadata))["metadata"] == metadata


@promise(
    "004",
    LIST,
    "The example: the same fields in the same order, types and formats",
    deviation=MEASURED,
)
async def test_list_answers_like_the_example(service: Service, lvng: ApiUser, sites: Sites) -> None:
    await completed(service, lvng, sites)
    shown = example("004_list")
    shown["voiceNotes"] = [{**shown["voiceNotes"][0], "duration": 45.5}]
    page = await lvng.get(f"{PATH}?tags=retro&status=completed&limit=10")
    assert_same_form(shown, page)
    assert (page["total"], page["limit"], page["offset"]) == (1, 10, 0)


@promise("004", LIST, "The authenticated user's notes, newest first, without those that are deleted")
async def test_list_is_the_users_own(service: Service, user: ApiUser, lvng: ApiUser) -> None:
    other = await user.token(user_id=str(uuid4()))
    await create(other, title="somebody else's")
    for title in ("first", "second", "third"):
        note = await create(lvng, title=title)
        service.clock.advance(timedelta(milliseconds=5))
        if title == "second":
            await lvng.call("DELETE", f"{PATH}/{note['id']}")
    assert await titles(lvng) == ["third", "first"]


@promise("004", LIST_QUERY, "`search` is a part of the title, in any case")
async def test_list_searches_titles(lvng: ApiUser) -> None:
    for title in ("Sprint retro", "100% done"):
        await create(lvng, title=title)
    assert await titles(lvng, "?search=RETRO") == ["Sprint retro"]
    assert await titles(lvng, "?search=0%25") == ["100% done"]
    assert await titles(lvng, "?search=%25r") == []


@promise("004", LIST_QUERY, "`tags` is comma-separated; notes that have all of them match")
async def test_list_takes_tags(lvng: ApiUser) -> None:
    await create(lvng, title="both", tags=["a", "b"])
    await create(lvng, title="one", tags=["a"])
    assert await titles(lvng, "?tags=a,b") == ["both"]
    assert sorted(await titles(lvng, "?tags=a")) == ["both", "one"]


@promise("004", LIST_QUERY, "`status` is `created`, `processing`, `completed` or `failed`")
async def test_list_takes_a_status(service: Service, lvng: ApiUser, sites: Sites) -> None:
    await completed(service, lvng, sites, title="completed")
    await create(lvng, title="created")
    failed = await create(lvng, title="failed", audioUrl=sites.site.url("/nothing.wav"))
    await lvng.post(f"{PATH}/{failed['id']}/transcribe", status=200)
    await service.work()
    waiting = await create(lvng, title="processing")
    await lvng.post(f"{PATH}/{waiting['id']}/transcribe", status=200)
    for status in ("created", "processing", "completed", "failed"):
        assert await titles(lvng, f"?status={status}") == [status]
    assert "status" in (await refusal(lvng, "GET", "?status=done", 400))["message"]


@promise("004", LIST_QUERY, "`workspaceId` filters by workspace")
async def test_list_takes_a_workspace(lvng: ApiUser) -> None:
    workspace = str(uuid4())
    await create(lvng, title="there", workspaceId=workspace)
    await create(lvng, title="elsewhere")
    assert await titles(lvng, f"?workspaceId={workspace}") == ["there"]


@promise("004", LIST_QUERY, "`limit`, by default 50, and `offset`, by default 0, make pages")
async def test_list_has_pages(service: Service, lvng: ApiUser) -> None:
    for number in range(3):
        await create(lvng, title=str(number))
        service.clock.advance(timedelta(milliseconds=5))
    page = await lvng.get(PATH)
    assert (page["limit"], page["offset"], page["total"]) == (50, 0, 3)
    assert await titles(lvng, "?limit=2&offset=1") == ["1", "0"]
    assert await titles(lvng, "?offset=3") == []


@promise("004", GET, "The example: the same fields in the same order, types and formats", deviation=MEASURED)
async def test_get_answers_like_the_example(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await completed(service, lvng, sites)
    answer = await lvng.get(f"{PATH}/{note['id']}")
    assert_same_form(with_fraction(example("004_get")), answer)
    assert "weather" in answer["voiceNote"]["transcript"].lower()


@promise("004", GET, "Only the user's own notes, and none that is deleted")
async def test_get_finds_the_users_own(user: ApiUser, lvng: ApiUser) -> None:
    theirs = await create(await user.token(user_id=str(uuid4())))
    deleted = await create(lvng)
    await lvng.call("DELETE", f"{PATH}/{deleted['id']}")
    for note in (theirs, deleted):
        assert (await refusal(lvng, "GET", f"/{note['id']}", 404))["error"] == "Voice note not found"


@promise("004", UPDATE, "The example: the same fields in the same order, types and formats")
async def test_update_answers_like_the_example(service: Service, lvng: ApiUser) -> None:
    note = await create(lvng)
    service.clock.advance(timedelta(minutes=15))
    answer = await lvng.call("PUT", f"{PATH}/{note['id']}", json=example("004_update_request"))
    assert answer.status_code == 200
    assert_same_form(example("004_update"), answer.json())
    changed = answer.json()["voiceNote"]
    assert changed["updated_at"] > note["updated_at"] == changed["created_at"]
    assert (changed["title"], changed["tags"]) == (
        "Sprint 14 Retro - Key Takeaways",
        ["retro", "sprint-14", "action-items"],
    )


@promise("004", UPDATE, "400 if no valid field is given")
async def test_update_of_nothing_is_refused(lvng: ApiUser) -> None:
    note = await create(lvng)
    for body in ({}, {"status": "failed"}):
        await refusal(lvng, "PUT", f"/{note['id']}", 400, json=body)


@promise("004", UPDATE, "Audio data and transcripts can't be changed")
async def test_update_leaves_the_audio_alone(lvng: ApiUser) -> None:
    note = await create(lvng)
    body = {"title": "x", "audioUrl": "https://cdn.lvng.ai/b.webm", "transcript": "y", "duration": 1}
    changed = (await lvng.call("PUT", f"{PATH}/{note['id']}", json=body)).json()["voiceNote"]
    assert {**changed, "updated_at": ""} == {**note, "title": "x", "updated_at": ""}


@promise("004", UPDATE_BODY, "`title`, `tags` and `metadata` replace what there was")
async def test_update_replaces(lvng: ApiUser) -> None:
    note = await create(lvng, metadata={"a": 1})
    body = {"title": "t", "tags": ["x"], "metadata": {"b": 2}}
    changed = (await lvng.call("PUT", f"{PATH}/{note['id']}", json=body)).json()["voiceNote"]
    assert {name: changed[name] for name in body} == body


@promise("004", DELETE, "The example")
async def test_delete_answers_like_the_example(lvng: ApiUser) -> None:
    note = await create(lvng)
    answer = await lvng.call("DELETE", f"{PATH}/{note['id']}")
    assert (answer.status_code, answer.json()) == (200, example("004_delete"))


@promise("004", DELETE, "The note no longer appears in list or get queries; its data is preserved")
async def test_a_deleted_note_is_kept(service: Service, lvng: ApiUser) -> None:
    note = await create(lvng)
    await lvng.call("DELETE", f"{PATH}/{note['id']}")
    assert (await lvng.get(PATH))["total"] == 0
    await refusal(lvng, "GET", f"/{note['id']}", 404)
    assert await service.is_kept(note["id"])


@promise("004", TRANSCRIBE, "The example: the status is `processing` immediately")
async def test_transcribe_answers_like_the_example(lvng: ApiUser) -> None:
    note = await create(lvng)
    answer = await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    assert answer == {**example("004_transcribe"), "voiceNoteId": note["id"]}


@promise(
    "004",
    TRANSCRIBE,
    "The status is `completed` or `failed` when it has ended; text and times are on the note",
)
async def test_transcribe_ends(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await completed(service, lvng, sites)
    assert "weather" in note["transcript"].lower()
    [first, *_] = note["transcript_segments"]
    assert 0 <= first["start"] < first["end"]
    broken = await create(lvng, audioUrl=sites.clip("html-error.mp3"))
    await lvng.post(f"{PATH}/{broken['id']}/transcribe", status=200)
    await service.work()
    assert (await lvng.get(f"{PATH}/{broken['id']}"))["voiceNote"]["status"] == "failed"


@promise("004", TRANSCRIPT, "The example: the same fields in the same order, types and formats")
async def test_transcript_is_like_the_example(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await completed(service, lvng, sites)
    answer = await lvng.get(f"{PATH}/{note['id']}/transcript")
    assert_same_form(example("004_transcript"), answer)
    assert (answer["transcript"], answer["segments"]) == (note["transcript"], note["transcript_segments"])


@promise("004", TRANSCRIPT, "404 while the status is not `completed`")
async def test_a_transcript_is_waited_for(lvng: ApiUser) -> None:
    note = await create(lvng)
    assert (await refusal(lvng, "GET", f"/{note['id']}/transcript", 404))[
        "error"
    ] == "Transcript not available"
