"""The transcription job's edges: what isn't there, what is deleted meanwhile, what never works."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text
from support.app import Account, Api, SettableClock
from support.clips import AUDIO

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId, parse_uuid
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.jobs.tasks import MAX_TRANSCRIPTION_ATTEMPTS, MAX_TRANSCRIPTION_STARTS, run_transcription
from vocafuse_server.notes.models import FIRST_RUN, Note, NoteStatus
from vocafuse_server.notes.runs import record_transcription
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

pytestmark = pytest.mark.model


@pytest.fixture
async def context(
    api: Api, clock: SettableClock, engine: AdaptiveWhisper
) -> AsyncIterator[TranscribingContext]:
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=2.5))
    yield TranscribingContext(api.context.database, JobQueue(), api.context.objects, decoder, engine, clock)
    await decoder.close()


async def upload(api: Api, account: Account, name: str, **fields: str) -> NoteId:
    files = {"file": (name, (AUDIO / name).read_bytes())}
    answer = await api.http.post("/v1/voicenotes", headers=account.headers, files=files, data=fields)
    found = parse_uuid(answer.json()["id"])
    assert found is not None
    return NoteId(found)


async def reload(database: Database, note_id: NoteId) -> Note:
    async with database.transaction() as session:
        return (await session.scalars(select(Note).where(Note.id == note_id))).one()


async def transcriptions(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT text FROM transcriptions")))


async def test_a_job_that_runs_twice_transcribes_once(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id = await upload(api, account, "whats-the-weather-like.wav")
    await transcribe_note(context, note_id)
    first = await reload(context.database, note_id)
    await transcribe_note(context, note_id)
    assert (await reload(context.database, note_id)).updated_at == first.updated_at
    assert first.status is NoteStatus.TRANSCRIBED
    [heard] = await transcriptions(context.database)
    assert "weather" in heard.lower()


async def test_a_note_deleted_meanwhile_leaves_nothing(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id = await upload(api, account, "whats-the-weather-like.wav")
    await api.http.delete(f"/v1/voicenotes/{note_id}", headers=account.headers)
    async with context.database.transaction() as session:
        recorded = await record_transcription(
            session, context.queue, note_id, run=FIRST_RUN, audio={}, transcription={}, now=context.clock()
        )
    assert not recorded
    await transcribe_note(context, note_id)
    assert await transcriptions(context.database) == []


async def test_a_note_that_is_too_long_fails_with_a_reason(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id = await upload(api, account, "arctic_a0009.wav")
    await transcribe_note(context, note_id)
    note = await reload(context.database, note_id)
    assert (note.status, note.failure_code) == (NoteStatus.FAILED, "AUDIO_TOO_LONG")
    answer = await api.http.get(f"/v1/voicenotes/{note_id}/transcription", headers=account.headers)
    assert answer.json()["error"]["code"] == 3003
    assert note.failure_message
    assert note.failure_message in answer.json()["error"]["message"]


async def test_a_language_that_the_model_lacks_fails_with_a_reason(
    api: Api, account: Account, context: TranscribingContext, models_dir: Path
) -> None:
    note_id = await upload(api, account, "whats-the-weather-like.wav", language="de")
    english = AdaptiveWhisper.load(
        resolve_model("tiny.en", data_dir=models_dir), choose_hardware(device="cpu")
    )
    await transcribe_note(replace(context, engine=english), note_id)
    await english.close()
    note = await reload(context.database, note_id)
    assert (note.status, note.failure_code) == (NoteStatus.FAILED, "UNSUPPORTED_LANGUAGE")
    assert note.failure_message
    assert "English only" in note.failure_message


async def test_a_note_that_keeps_ending_the_worker_is_given_up(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id = await upload(api, account, "whats-the-weather-like.wav")
    await run_transcription(context, note_id, attempt=MAX_TRANSCRIPTION_STARTS + 1)
    note = await reload(context.database, note_id)
    assert (note.status, note.failure_code) == (NoteStatus.FAILED, "TRANSCRIPTION_ERROR")


async def test_what_never_works_is_tried_and_then_given_up(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id = await upload(api, account, "whats-the-weather-like.wav")
    await context.objects.delete((await reload(context.database, note_id)).audio_key)
    for attempt in range(1, MAX_TRANSCRIPTION_ATTEMPTS):
        with pytest.raises(FileNotFoundError):
            await run_transcription(context, note_id, attempt=attempt)
        assert (await reload(context.database, note_id)).status is NoteStatus.PROCESSING
    await run_transcription(context, note_id, attempt=MAX_TRANSCRIPTION_ATTEMPTS)
    note = await reload(context.database, note_id)
    assert (note.status, note.failure_code) == (NoteStatus.FAILED, "TRANSCRIPTION_ERROR")
    assert str(Path(note.audio_key)) not in str(note.failure_message)
