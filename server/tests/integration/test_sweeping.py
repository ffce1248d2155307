"""What a crash left of notes and deliveries is found by the sweeps, and nothing else is."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from support.app import Account, Api, SettableClock
from support.clips import AUDIO
from support.notes import make_note
from support.voice_notes import CLIP, Lvng, known_id

from vocafuse_server.backup.queries import snapshot_of
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.hold_queries import audio_is_held
from vocafuse_server.core.ids import NoteId, new_uuid
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.jobs.maintenance import MaintenanceContext, resume_lost_deliveries
from vocafuse_server.notes.creating import finish_upload
from vocafuse_server.notes.intake import INCOMING, copied_audio, received_audio
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.notes.sweeping import SweepContext, resume_lost_runs, sweep_store, sweep_uploads

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> SettableClock:
    """The real time, since files and ids have it."""
    return SettableClock(utc_now())


@pytest.fixture
def sweep(api: Api, clock: SettableClock) -> SweepContext:
    return SweepContext(api.context.database, JobQueue(), api.context.objects, DAY, clock)


@pytest.fixture
def audio_dir(tmp_path: Path) -> Path:
    return tmp_path / "audio"


def stored(audio_dir: Path) -> set[str]:
    return {path.relative_to(audio_dir).as_posix() for path in audio_dir.rglob("*") if path.is_file()}


async def jobs(database: Database, task: str) -> list[dict[str, object]]:
    async with database.transaction() as session:
        found = await session.scalars(
            text("SELECT args FROM procrastinate_jobs WHERE task_name = :task ORDER BY id"), {"task": task}
        )
        return list(found)


async def forget_jobs(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("DELETE FROM procrastinate_jobs"))


async def note_ids(database: Database) -> set[str]:
    async with database.transaction() as session:
        return {str(one) for one in await session.scalars(select(Note.id))}


async def begin_upload(api: Api, account: Account) -> dict[str, str]:
    answer = await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "a.wav"})
    found: dict[str, str] = answer.json()
    return found


async def one_chunk(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_uploads_that_never_ended_are_forgotten_and_nothing_else(
    api: Api, account: Account, sweep: SweepContext, clock: SettableClock
) -> None:
    own = Lvng(api, account.headers)
    ended = (await begin_upload(api, account))["presigned_url"]
    assert (await api.http.put(ended, content=CLIP)).status_code == 200
    not_asked_for = await own.create()
    never_ended = await begin_upload(api, account)
    clock.advance(DAY - timedelta(seconds=1))
    await sweep_uploads(sweep)
    assert never_ended["voicenote_id"] in await note_ids(sweep.database)

    clock.advance(timedelta(seconds=2))
    young = await begin_upload(api, account)
    await sweep_uploads(sweep)
    left = await note_ids(sweep.database)
    assert never_ended["voicenote_id"] not in left
    assert {not_asked_for["id"], young["voicenote_id"]} < left
    assert len(left) == 3  # and the one that ended
    assert (await api.http.put(never_ended["presigned_url"], content=CLIP)).status_code in {401, 404}


async def test_bytes_that_are_nobodys_are_removed_once_they_are_old(
    sweep: SweepContext, clock: SettableClock, audio_dir: Path
) -> None:
    await sweep.objects.write(f"{INCOMING}/{new_uuid()}", one_chunk(CLIP))
    half = audio_dir / INCOMING / f"{new_uuid()}#1"
    half.write_bytes(CLIP[:100])
    before = stored(audio_dir)
    assert len(before) == 2
    await sweep_uploads(sweep)
    assert stored(audio_dir) == before
    clock.advance(DAY + HOUR)
    await sweep_uploads(sweep)
    assert stored(audio_dir) == set()


async def test_a_copy_is_not_as_old_as_what_it_is_a_copy_of(
    api: Api, account: Account, sweep: SweepContext, audio_dir: Path
) -> None:
    own = Lvng(api, account.headers)
    note_id = (await own.upload()).split("/")[-2]
    source = audio_dir / f"{account.id}/{note_id}.wav"
    long_ago = (utc_now() - 10 * DAY).timestamp()
    os.utime(source, (long_ago, long_ago))
    async with sweep.database.transaction() as session:
        note = await session.get_one(Note, known_id(note_id))
    async with copied_audio(sweep.objects, note) as copy:
        await sweep_uploads(sweep)
        assert copy.key in stored(audio_dir)


async def test_audio_whose_note_does_not_exist_is_deleted_and_nothing_else(
    api: Api, account: Account, sweep: SweepContext, clock: SettableClock, audio_dir: Path
) -> None:
    upload = await begin_upload(api, account)
    assert (await api.http.put(upload["presigned_url"], content=CLIP)).status_code == 200
    ownerless = f"{account.id}/{new_uuid()}.wav"
    kept = {upload["s3_key"], f"{new_uuid()}/{new_uuid()}.wav", f"{account.id}/cover.png", "readme.txt"}
    for key in (*kept - {upload["s3_key"]}, ownerless):
        await sweep.objects.write(key, one_chunk(CLIP))
    await sweep_store(sweep)
    assert stored(audio_dir) == {*kept, ownerless}
    clock.advance(DAY + HOUR)
    await sweep_store(sweep)
    assert stored(audio_dir) == kept


async def test_audio_without_a_note_stays_while_a_backup_is_made(
    account: Account, sweep: SweepContext, clock: SettableClock, audio_dir: Path, database_url: str
) -> None:
    key = f"{account.id}/{new_uuid()}.wav"
    await sweep.objects.write(key, one_chunk(CLIP))
    clock.advance(DAY + HOUR)
    with snapshot_of(database_url):
        await sweep_store(sweep)
        assert stored(audio_dir) == {key}
    async with sweep.database.transaction() as deleting:
        assert not await audio_is_held(deleting)
        await sweep_store(sweep)  # others who delete are no backup
    assert stored(audio_dir) == set()


async def finish(sweep: SweepContext, note_id: NoteId, data: bytes, *, crash: bool) -> None:
    async with (
        received_audio(sweep.objects, one_chunk(data), max_bytes=len(data)) as audio,
        sweep.database.transaction() as session,
    ):
        await finish_upload(
            session, sweep.objects, sweep.queue, note_id=note_id, audio=audio, now=sweep.clock()
        )
        if crash:
            raise ConnectionAbortedError


async def test_an_upload_that_ended_and_was_not_committed_can_be_repeated_or_is_swept(
    api: Api, account: Account, sweep: SweepContext, clock: SettableClock, audio_dir: Path
) -> None:
    repeated, left = [await begin_upload(api, account) for _ in range(2)]
    for upload in (repeated, left):
        with pytest.raises(ConnectionAbortedError):
            await finish(sweep, known_id(upload["voicenote_id"]), CLIP, crash=True)
        shown = await api.http.get(f"/v1/voicenotes/{upload['voicenote_id']}", headers=account.headers)
        assert shown.json()["status"] == "created"
        assert upload["s3_key"] in stored(audio_dir)
    other = (AUDIO / "harvard-birch-canoe.wav").read_bytes()
    assert (await api.http.put(repeated["presigned_url"], content=other)).status_code == 200
    assert (audio_dir / repeated["s3_key"]).read_bytes() == other

    clock.advance(DAY)
    await sweep_uploads(sweep)
    assert await note_ids(sweep.database) == {repeated["voicenote_id"]}
    assert await jobs(sweep.database, "delete_audio") == [{"key": left["s3_key"]}]


async def test_a_note_in_processing_without_a_job_gets_one(
    api: Api, account: Account, sweep: SweepContext, clock: SettableClock
) -> None:
    upload = await begin_upload(api, account)
    await api.http.put(upload["presigned_url"], content=CLIP)
    elsewhere = await Lvng(api, account.headers).create()
    await Lvng(api, account.headers).ask("POST", f"/{elsewhere['id']}/transcribe")
    wanted = await jobs(sweep.database, "transcribe_note"), await jobs(sweep.database, "fetch_note")
    assert [len(found) for found in wanted] == [1, 1]

    clock.advance(timedelta(minutes=2))
    await resume_lost_runs(sweep)  # a job that waits is no lost one
    assert (await jobs(sweep.database, "transcribe_note"), await jobs(sweep.database, "fetch_note")) == wanted
    async with sweep.database.transaction() as session:
        await session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    await resume_lost_runs(sweep)
    await resume_lost_runs(sweep)
    again = await jobs(sweep.database, "transcribe_note"), await jobs(sweep.database, "fetch_note")
    assert again == tuple([*found, *found] for found in wanted)


async def test_notes_that_wait_for_nothing_get_no_job(
    account: Account, sweep: SweepContext, clock: SettableClock
) -> None:
    async with sweep.database.transaction() as session:
        for status in (NoteStatus.CREATED, NoteStatus.TRANSCRIBED, NoteStatus.FAILED):
            await make_note(session, account.id, created_at=clock.now, status=status)
        deleted = await make_note(session, account.id, created_at=clock.now, status=NoteStatus.PROCESSING)
        await session.execute(text("UPDATE notes SET deleted_at = now() WHERE id = :id"), {"id": deleted})
    clock.advance(timedelta(hours=1))
    await resume_lost_runs(sweep)
    assert await jobs(sweep.database, "transcribe_note") == []


async def test_a_delivery_without_a_job_gets_one(
    api: Api, account: Account, sweep: SweepContext, clock: SettableClock
) -> None:
    hook = {"url": "http://93.184.216.34/hook", "events": ["voicenote.created"]}
    assert (await api.http.post("/v1/webhooks", headers=account.headers, json=hook)).status_code == 201
    upload = await begin_upload(api, account)
    await api.http.put(upload["presigned_url"], content=CLIP)
    wanted = await jobs(sweep.database, "deliver_webhook")
    assert [one["attempt"] for one in wanted] == [1]
    maintenance = MaintenanceContext(sweep.database, 30 * DAY, clock)

    clock.advance(timedelta(minutes=2))
    await resume_lost_deliveries(maintenance)
    assert await jobs(sweep.database, "deliver_webhook") == wanted
    await forget_jobs(sweep.database)
    await resume_lost_deliveries(maintenance)
    assert await jobs(sweep.database, "deliver_webhook") == wanted
    async with sweep.database.transaction() as session:
        await session.execute(text("UPDATE webhook_deliveries SET status = 'delivered'"))
    await forget_jobs(sweep.database)
    await resume_lost_deliveries(maintenance)
    assert await jobs(sweep.database, "deliver_webhook") == []
