"""Audio in a bucket: a real S3 server over HTTP, uploads through this server and straight into the store."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock, running_app
from support.clips import AUDIO
from support.metrics import Scrape
from support.s3 import BUCKET, S3, s3_server

from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.ids import NoteId, parse_uuid
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.settings import Settings
from vocafuse_server.notes.direct_uploads import DirectUploadContext, find_upload, moment
from vocafuse_server.notes.sweeping import SweepContext, sweep_uploads
from vocafuse_server.storage.objects import open_objects

pytestmark = pytest.mark.xdist_group("s3")

SPOKEN = (AUDIO / "whats-the-date-today.wav").read_bytes()


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return Settings(
        data_dir=tmp_path, storage_url=s3.url, uploads="direct", max_upload_bytes=len(SPOKEN) + 1000
    )


@pytest.fixture
async def finding(api: Api, clock: SettableClock) -> DirectUploadContext:
    """What a worker has to find uploads."""
    context = api.context
    return DirectUploadContext(
        context.database, JobQueue(), context.objects, context.settings.max_upload_bytes, clock
    )


async def announce(api: Api, account: Account) -> tuple[NoteId, dict[str, Any]]:
    answer = await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "a.wav"})
    assert answer.status_code == 201
    note_id = parse_uuid(answer.json()["voicenote_id"])
    assert note_id is not None
    return NoteId(note_id), answer.json()


async def put(url: str, content: bytes) -> int:
    async with httpx2.AsyncClient() as http:
        return (await http.put(url, content=content)).status_code


async def jobs(database: Database, task: str) -> list[tuple[Any, ...]]:
    async with database.transaction() as session:
        rows = await session.execute(
            text("SELECT args, scheduled_at FROM procrastinate_jobs WHERE task_name = :task ORDER BY id"),
            {"task": task},
        )
    return [tuple(row) for row in rows]


async def look(finding: DirectUploadContext, database: Database, note_id: NoteId) -> None:
    """What the newest job for a note does."""
    args, _ = (await jobs(database, "find_upload"))[-1]
    assert args["note_id"] == str(note_id)
    await find_upload(finding, note_id, since=moment(args["since"]), until=moment(args["until"]))


async def shown(api: Api, account: Account, note_id: NoteId) -> dict[str, Any]:
    found: dict[str, Any] = (await api.http.get(f"/v1/voicenotes/{note_id}", headers=account.headers)).json()
    return found


async def test_a_client_puts_audio_straight_into_the_store(
    api: Api, account: Account, database: Database, finding: DirectUploadContext, s3: S3
) -> None:
    note_id, announced = await announce(api, account)
    assert announced["presigned_url"].startswith(f"{s3.origin}/{BUCKET}/audio/incoming/{note_id}?")
    assert await put(announced["presigned_url"], SPOKEN) == 200
    await look(finding, database, note_id)

    note = await shown(api, account, note_id)
    assert (note["status"], note["s3_bucket"], note["s3_key"]) == ("processing", BUCKET, announced["s3_key"])
    [(args, _)] = await jobs(database, "transcribe_note")
    assert args["note_id"] == str(note_id)
    assert s3.stored() >= {announced["s3_key"]}
    assert not any(str(note_id) in key for key in s3.stored() - {announced["s3_key"]})
    played = await api.http.get(
        f"/v1/voicenotes/{note_id}/audio", headers={**account.headers, "Range": "bytes=4-7"}
    )
    assert played.content == SPOKEN[4:8]


async def test_the_console_sends_audio_to_the_server(api: Api, account: Account, database: Database) -> None:
    session = (await api.http.post("/console/session", headers=account.headers)).json()
    headers = {"Authorization": f"Bearer {session['data']['id_token']}"}
    answer = await api.http.post("/v1/upload", headers=headers, json={"file_name": "a.wav"})
    assert answer.json()["presigned_url"].startswith("http://notes.test/v1/uploads/")
    assert (await api.http.put(answer.json()["presigned_url"], content=SPOKEN)).status_code == 200
    assert await jobs(database, "find_upload") == []
    assert len(await jobs(database, "transcribe_note")) == 1


async def test_what_comes_later_to_the_same_url_changes_nothing(
    api: Api, account: Account, database: Database, finding: DirectUploadContext, s3: S3, clock: SettableClock
) -> None:
    note_id, announced = await announce(api, account)
    await put(announced["presigned_url"], SPOKEN)
    await look(finding, database, note_id)
    await put(announced["presigned_url"], b"something else")
    await look(finding, database, note_id)
    assert await finding.objects.read(announced["s3_key"]) == SPOKEN
    assert len(await jobs(database, "transcribe_note")) == 1
    sweep = SweepContext(database, JobQueue(), finding.objects, timedelta(days=1), clock)
    clock.advance(timedelta(days=4000))
    await sweep_uploads(sweep)
    assert announced["s3_key"] in s3.stored()
    assert not any(key.startswith("incoming/") for key in s3.stored())


async def test_it_is_looked_for_less_and_less_often_and_not_for_ever(
    api: Api, account: Account, database: Database, finding: DirectUploadContext, clock: SettableClock
) -> None:
    began = clock.now
    note_id, _ = await announce(api, account)
    looks_s: list[float] = []
    while len(found := await jobs(database, "find_upload")) > len(looks_s):
        clock.now = found[-1][1]
        looks_s.append((clock.now - began).total_seconds())
        await look(finding, database, note_id)
    assert looks_s[:3] == [1, 2, 3]
    pairs = itertools.pairwise(looks_s)
    assert all(later <= max(earlier + 1, earlier * 4 / 3 + 0.001) for earlier, later in pairs)
    assert looks_s[-1] == 900 + 300
    assert len(looks_s) < 30
    assert (await shown(api, account, note_id))["status"] == "created"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (SPOKEN + bytes(1001), "PAYLOAD_TOO_LARGE"),
        (b"no audio at all", "UNSUPPORTED_AUDIO"),
        (b"", "UNSUPPORTED_AUDIO"),
    ],
)
async def test_what_the_store_took_but_we_do_not_fails_the_note(
    api: Api,
    account: Account,
    database: Database,
    finding: DirectUploadContext,
    s3: S3,
    content: bytes,
    code: str,
) -> None:
    note_id, announced = await announce(api, account)
    assert await put(announced["presigned_url"], content) == 200
    await look(finding, database, note_id)
    async with database.transaction() as session:
        row = await session.execute(
            text("SELECT status, failure_code FROM notes WHERE id = :id"), {"id": note_id}
        )
        assert row.one() == ("failed", code)
    assert not any(str(note_id) in key for key in s3.stored())
    await api.http.post(f"/v1/voicenotes/{note_id}/transcribe", headers=account.headers)
    assert await jobs(database, "transcribe_note") == []


@pytest.mark.parametrize("has_its_name", [False, True])
async def test_a_worker_that_dies_between_two_steps_is_made_good(
    api: Api, account: Account, database: Database, finding: DirectUploadContext, has_its_name: bool
) -> None:
    note_id, announced = await announce(api, account)
    await put(announced["presigned_url"], SPOKEN)
    left_at = announced["s3_key"] if has_its_name else f"incoming/{note_id}.taken"
    await finding.objects.rename(f"incoming/{note_id}", left_at)
    await look(finding, database, note_id)
    assert (await shown(api, account, note_id))["status"] == "processing"
    assert await finding.objects.read(announced["s3_key"]) == SPOKEN


async def test_audio_sent_through_the_server_lies_in_the_bucket_too(
    settings: Settings, database_url: str, account: Account, clock: SettableClock, s3: S3
) -> None:
    through = settings.model_copy(update={"uploads": "server", "metrics": "all"})
    async with running_app(through, database_url, clock) as api:
        answer = await api.http.post(
            "/v1/voicenotes", headers=account.headers, files={"file": ("a.wav", SPOKEN)}
        )
        key = answer.json()["s3_key"]
        assert key in s3.stored()
        assert await api.context.objects.read(key) == SPOKEN
        await api.context.objects.ping()
        await api.context.objects.delete(key)
        shown = Scrape((await api.http.get("/metrics")).content)
    calls = "vocafuse_store_call_duration_seconds_count"
    for call in ("write", "rename", "read", "head", "delete"):
        assert shown.value(calls, call=call, outcome="answered") == 1, call
        assert shown.value(calls, call=call, outcome="failed") == 0, call
    assert key not in s3.stored()


def test_a_folder_has_no_urls_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="VOCAFUSE_UPLOADS is `direct`"):
        open_objects(Settings(data_dir=tmp_path, uploads="direct"))


async def test_what_ends_while_leftovers_are_swept_is_no_error(tmp_path: Path) -> None:
    objects = open_objects(Settings(data_dir=tmp_path))
    folder = tmp_path / "audio" / "incoming"
    folder.mkdir()
    (folder / "whole-by-now#1").symlink_to("nowhere")
    (folder / "left#2").touch()
    assert await objects.delete_unfinished("incoming", until=utc_now() + timedelta(days=1)) == 1
    assert [path.name for path in folder.iterdir()] == ["whole-by-now#1"]
