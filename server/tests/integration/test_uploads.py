"""Both ways of uploading, and everything that can be wrong with an upload."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock
from support.clips import AUDIO

from vocafuse_server.core.database import Database

CLIP = (AUDIO / "harvard-birch-canoe.wav").read_bytes()


async def ask_for_url(api: Api, account: Account, **fields: object) -> dict[str, str]:
    answer = await api.http.post(
        "/v1/upload", headers=account.headers, json={"file_name": "note.wav", **fields}
    )
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


async def jobs(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT task_name FROM procrastinate_jobs ORDER BY id")))


async def test_the_answer_has_every_published_field(api: Api, account: Account) -> None:
    body = await ask_for_url(api, account, file_size=len(CLIP), use_multipart=True)
    links = {"presigned_url", "audio_url", "message"}
    assert links < set(body)
    assert {key: value for key, value in body.items() if key not in links} == {
        "voicenote_id": body["recording_id"],
        "recording_id": body["voicenote_id"],
        "upload_type": "single",
        "s3_key": f"{account.id}/{body['voicenote_id']}.wav",
        "expires_in": 900,
        "processing_strategy": "server",
        "client_processed": False,
    }


async def test_the_bytes_start_the_transcription(api: Api, account: Account, database: Database) -> None:
    body = await ask_for_url(api, account, language="English", custom_tags={"a": "b"})
    uri = f"/v1/voicenotes/{body['voicenote_id']}"
    assert (await api.http.get(uri, headers=account.headers)).json()["status"] == "created"
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"] == 0
    assert await jobs(database) == []

    assert (await api.http.put(body["presigned_url"], content=CLIP)).status_code == 200
    note = (await api.http.get(uri, headers=account.headers)).json()
    assert (note["status"], note["audio_format"], note["file_size_bytes"]) == ("processing", "wav", len(CLIP))
    assert note["custom_tags"] == {"a": "b"}
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"] == 1
    assert await jobs(database) == ["transcribe_note"]


async def test_of_two_uploads_at_once_one_wins_whole(api: Api, account: Account, database: Database) -> None:
    body = await ask_for_url(api, account)
    other = (AUDIO / "whats-the-weather-like.wav").read_bytes()
    answers = await asyncio.gather(
        *(api.http.put(body["presigned_url"], content=data) for data in (CLIP, other))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await jobs(database) == ["transcribe_note"]
    winner = CLIP if answers[0].status_code == 200 else other
    assert await api.context.objects.read(body["s3_key"]) == winner
    stored = [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    assert len(stored) == 1


@pytest.mark.parametrize(
    "change", [{"signature": "0" * 64}, {"expires": "9999999999"}, {"expires": "x"}, {"signature": "é"}]
)
async def test_a_forged_url_is_refused(api: Api, account: Account, change: dict[str, str]) -> None:
    body = await ask_for_url(api, account)
    parts = urlsplit(body["presigned_url"])
    query = urlencode({**dict(parse_qsl(parts.query)), **change})
    answer = await api.http.put(f"{parts.path}?{query}", content=CLIP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1001)


async def test_a_url_is_good_for_one_note_only(api: Api, account: Account) -> None:
    one, other = await ask_for_url(api, account), await ask_for_url(api, account)
    url = one["presigned_url"].replace(one["voicenote_id"], other["voicenote_id"])
    assert (await api.http.put(url, content=CLIP)).json()["error"]["code"] == 1001


async def test_a_url_expires(api: Api, account: Account, clock: SettableClock) -> None:
    body = await ask_for_url(api, account)
    clock.advance(timedelta(seconds=900))
    answer = await api.http.put(body["presigned_url"], content=CLIP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1002)


async def test_what_is_no_audio_is_refused_and_the_url_stays_good(api: Api, account: Account) -> None:
    body = await ask_for_url(api, account)
    for data in (b"", b"\x00", b"<html>502 Bad Gateway</html>", b"#EXTM3U\nhttp://127.0.0.1:18999/x\n"):
        answer = await api.http.put(body["presigned_url"], content=data)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2005)
    assert (await api.http.put(body["presigned_url"], content=CLIP)).status_code == 200


async def test_too_much_is_refused_while_it_streams(api: Api, account: Account) -> None:
    limit = api.context.settings.max_upload_bytes
    body = await ask_for_url(api, account)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield CLIP[:100]
        while True:
            sent += 65536
            yield bytes(65536)

    for content in (endless(), CLIP + bytes(limit)):
        answer = await api.http.put(body["presigned_url"], content=content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, 2004)
    assert not [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    declared = await api.http.post(
        "/v1/upload", headers=account.headers, json={"file_name": "a.wav", "file_size": limit + 1}
    )
    assert (declared.status_code, declared.json()["error"]["code"]) == (413, 2004)
    form = await api.http.post("/v1/voicenotes", headers=account.headers, files={"file": CLIP + bytes(limit)})
    assert (form.status_code, form.json()["error"]["code"]) == (413, 2004)


async def test_one_step_makes_the_same_note(api: Api, account: Account, database: Database) -> None:
    answer = await api.http.post(
        "/v1/voicenotes",
        headers=account.headers,
        files={"file": ("my note.WAV", CLIP, "text/html")},
        data={"custom_tags": '{"jobId": "1"}', "user_id": "u1", "language": "", "unknown": "x"},
    )
    assert answer.status_code == 201
    note = answer.json()
    assert (note["status"], note["audio_format"], note["user_id"]) == ("processing", "wav", "u1")
    assert (note["original_filename"], note["custom_tags"]) == ("my note.WAV", {"jobId": "1"})
    assert note["s3_key"].endswith(f"{note['id']}.wav")
    assert note["subresource_uris"] == {"transcription": f"/v1/voicenotes/{note['id']}/transcription"}
    assert await jobs(database) == ["transcribe_note"]


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"custom_tags": "{"}, 2003, "custom_tags"),
        ({"custom_tags": "[1]"}, 2003, "custom_tags"),
        ({"custom_tags": '{"bad key": "x"}'}, 2003, "custom_tags"),
        ({"custom_tags": '{"k": 1}'}, 2003, "custom_tags.k"),
        ({"language": "klingon"}, 2003, "language"),
        ({"user_id": "a\x00"}, 2003, "user_id"),
    ],
)
async def test_unusable_form_fields_are_named(
    api: Api, account: Account, database: Database, data: dict[str, str], code: int, field: str
) -> None:
    answer = await api.http.post(
        "/v1/voicenotes", headers=account.headers, files={"file": ("a.wav", CLIP)}, data=data
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["field"]) == (400, code, field)
    assert await jobs(database) == []


async def test_a_form_without_a_file_says_so(api: Api, account: Account) -> None:
    for data, code in (({"file": "text"}, 2003), ({"language": "en"}, 2001)):
        answer = await api.http.post(
            "/v1/voicenotes", headers=account.headers, data=data, files={"other": CLIP}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    "literal", ["NaN", "-Infinity", "1e999", '"\\u0000"', '"\\ud800"', "[" * 30 + "]" * 30]
)
async def test_metadata_that_cannot_be_kept_is_refused(api: Api, account: Account, literal: str) -> None:
    content = f'{{"file_name": "a.wav", "sdk_metadata": {{"a": {literal}}}}}'
    headers = {**account.headers, "Content-Type": "application/json"}
    answer = await api.http.post("/v1/upload", headers=headers, content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2003)
    assert answer.json()["error"]["details"]["field"] == "sdk_metadata"


async def test_no_note_without_its_job_and_no_job_without_its_note(
    api: Api, account: Account, database: Database
) -> None:
    body = await ask_for_url(api, account)
    async with database.transaction() as session:  # the job's table refuses, so the note must not move on
        await session.execute(
            text("ALTER TABLE procrastinate_jobs ADD CONSTRAINT shut CHECK (false) NOT VALID")
        )
    answer = await api.http.put(body["presigned_url"], content=CLIP)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 5001)
    note = await api.http.get(f"/v1/voicenotes/{body['voicenote_id']}", headers=account.headers)
    assert note.json()["status"] == "created"
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE procrastinate_jobs DROP CONSTRAINT shut"))
    assert (await api.http.put(body["presigned_url"], content=CLIP)).status_code == 200
    assert await jobs(database) == ["transcribe_note"]
