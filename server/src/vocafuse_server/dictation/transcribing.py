"""The transcription of a dictation, in a worker: look, work, record."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.usage import count_duration
from vocafuse_server.audio.errors import AudioError, DecoderUnavailable
from vocafuse_server.core.database import Database, JsonObject
from vocafuse_server.core.ids import DictationId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import TranscriptionOutcome
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.dictation import queries
from vocafuse_server.dictation.models import Dictation
from vocafuse_server.dictation.waiting import NO_REASON, TRANSCRIPTION
from vocafuse_server.notes.transcribing import Heard, Stopwatch, TranscribingContext, hear, report
from vocafuse_server.transcription.engine import TranscribeOptions, UnknownLanguage

log = get_logger(__name__)

FORGOTTEN_AT_ONCE = 100


async def transcribe_dictation(context: TranscribingContext, dictation_id: DictationId) -> None:
    """Transcribe audio that somebody waits for, and tell them; does nothing if nobody does any more.

    Raises:
        DecoderUnavailable, OSError, TranscriptionError: Nothing is wrong with the audio; try again.
    """
    asked = await _find_waiting(context.database, dictation_id)
    if asked is None:
        return
    waited_s = (context.clock() - asked.created_at).total_seconds()
    options = TranscribeOptions(language=asked.language, words=asked.with_words)
    watch = Stopwatch()
    try:
        heard = await hear(context, asked.audio_key, options, watch)
    except DecoderUnavailable:
        raise
    except FileNotFoundError:
        if await _find_waiting(context.database, dictation_id) is None:
            return  # Who waited has gone, and the audio with it.
        raise
    except (AudioError, UnknownLanguage) as error:
        await fail_dictation(context, dictation_id, code=error.code, message=str(error))
        return
    recorded = await _record(context, dictation_id, heard)
    watch.lap("commit")
    report(
        context,
        heard,
        {"queue": waited_s, **watch.stages_s},
        recorded=recorded,
        what="dictation",
        dictation_id=str(dictation_id),
        tenant_id=str(asked.tenant_id),
    )


async def fail_dictation(
    context: TranscribingContext,
    dictation_id: DictationId,
    *,
    code: str = NO_REASON,
    message: str | None = None,
) -> None:
    """Tell who waits that there will be no text, with a reason that a person can read if there is one."""
    async with context.database.transaction() as session:
        ended = await queries.end(
            session, dictation_id, now=context.clock(), failure_code=code, failure_message=message
        )
    if ended is not None:
        context.metrics.transcription_tried(TranscriptionOutcome.FAILED)
        log.info("dictation failed", dictation_id=str(dictation_id), failure_code=code)


async def sweep_dictations(database: Database, queue: JobQueue, *, now: datetime) -> None:
    """Forget what a process that died has left of those that it waited for."""

    async def forget(session: AsyncSession) -> int:
        keys = await queries.forget_expired(session, now=now, limit=FORGOTTEN_AT_ONCE)
        for key in keys:
            await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=key)
        return len(keys)

    forgotten = await database.in_portions(forget, size=FORGOTTEN_AT_ONCE)
    if forgotten:
        log.warning("dictations forgotten that nobody waited for to their end", dictations=forgotten)


async def _find_waiting(database: Database, dictation_id: DictationId) -> Dictation | None:
    async with database.reading() as session:
        return await queries.find_waiting(session, dictation_id)


async def _record(context: TranscribingContext, dictation_id: DictationId, heard: Heard) -> bool:
    found: JsonObject = TRANSCRIPTION.dump_python(heard.result, mode="json")
    now = context.clock()
    async with context.database.transaction() as session:
        ended = await queries.end(session, dictation_id, now=now, transcription=found)
        if ended is not None:
            await count_duration(
                session,
                ended.tenant_id,
                created_at=ended.created_at,
                duration_s=heard.audio.duration_s,
                counted_s=None,
            )
    return ended is not None
