"""The transcription of a note: look, work, record. No transaction is held while it works."""

import time
from dataclasses import asdict, dataclass, field

from vocafuse_server.audio.decoder import DecodedAudio, DecoderPool
from vocafuse_server.audio.errors import AudioError, DecoderUnavailable
from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId, TranscriptionId, new_uuid
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import Metrics, TranscriptionOutcome
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.notes import queries, runs
from vocafuse_server.notes.models import FIRST_RUN, Note, NoteStatus
from vocafuse_server.storage.objects import Objects
from vocafuse_server.transcription.engine import Engine, TranscribeOptions, Transcription, UnknownLanguage

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TranscribingContext:
    """What transcribing notes takes."""

    database: Database
    queue: JobQueue
    objects: Objects
    decoder: DecoderPool
    engine: Engine
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)


class Stopwatch:
    """Seconds of each stage."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self.stages_s: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages_s[stage] = now - self._last
        self._last = now

    @property
    def total_ms(self) -> int:
        return round((self._last - self._started) * 1000)


async def transcribe_note(context: TranscribingContext, note_id: NoteId, *, run: int = FIRST_RUN) -> None:
    """Transcribe a note and record the text, or the reason why there is none.

    Does nothing if the note is gone or isn't waiting for this run, so that a job may run twice.

    Raises:
        DecoderUnavailable, OSError, TranscriptionError: Nothing is wrong with the note; try again.
    """
    note = await find_waiting(context, note_id, run)
    if note is None:
        return
    watch = Stopwatch()
    waited_s = (context.clock() - note.updated_at).total_seconds()
    try:
        heard = await hear(context, note.audio_key, TranscribeOptions(language=note.language), watch)
    except DecoderUnavailable:
        raise
    except (AudioError, UnknownLanguage) as error:
        await fail_note(context, note_id, run=run, code=error.code, message=str(error))
        return
    recorded = await _record(context, note, heard, processing_ms=watch.total_ms)
    watch.lap("commit")
    report(
        context,
        heard,
        {"queue": waited_s, **watch.stages_s},
        recorded=recorded,
        what="note",
        note_id=str(note.id),
        tenant_id=str(note.tenant_id),
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """Audio, and what is said in it."""

    audio: DecodedAudio
    size_bytes: int
    result: Transcription


async def hear(
    context: TranscribingContext, audio_key: str, options: TranscribeOptions, watch: Stopwatch
) -> Heard:
    """Read audio from the store and transcribe it.

    Raises:
        AudioError: It can't be decoded.
        FileNotFoundError: It isn't there.
        UnknownLanguage: The model doesn't have the language.
        TranscriptionError: The engine failed.
    """
    data = await context.objects.read(audio_key)
    watch.lap("read")
    audio = await context.decoder.decode(data)
    watch.lap("decode")
    result = await context.engine.transcribe(audio.samples, options)
    watch.lap("transcribe")
    return Heard(audio, len(data), result)


def report(
    context: TranscribingContext,
    heard: Heard,
    stages_s: dict[str, float],
    *,
    recorded: bool,
    what: str,
    **about: str,
) -> None:
    """Count a transcription and write a line of the log about it.

    Args:
        stages_s: How long each stage took, but for the engine's own.
        recorded: Whether anybody still wanted it.
        what: Of what it is, in a word.
        about: What else the line says.
    """
    audio, result = heard.audio, heard.result
    stages_s |= {name.removesuffix("_s"): duration_s for name, duration_s in asdict(result.times).items()}
    if recorded:
        context.metrics.note_transcribed(
            audio_s=audio.duration_s, second_passes=result.second_passes, stages_s=stages_s
        )
    else:
        context.metrics.transcription_tried(TranscriptionOutcome.GONE)
    log.info(
        f"{what} transcribed" if recorded else f"{what} gone or begun anew before its transcription was done",
        **about,
        duration_s=round(audio.duration_s, 2),
        language=result.language,
        second_passes=result.second_passes,
        **{f"{stage}_ms": round(duration_s * 1000, 1) for stage, duration_s in stages_s.items()},
    )


async def fail_note(
    context: TranscribingContext, note_id: NoteId, *, code: str, message: str, run: int = FIRST_RUN
) -> None:
    """Give a note up, with a reason that its owner can read."""
    async with context.database.transaction() as session:
        recorded = await runs.record_failure(
            session, context.queue, note_id, run=run, code=code, message=message, now=context.clock()
        )
    if recorded:
        context.metrics.transcription_tried(TranscriptionOutcome.FAILED)
        log.info("note failed", note_id=str(note_id), failure_code=code, failure_message=message)


async def find_waiting(context: TranscribingContext, note_id: NoteId, run: int) -> Note | None:
    """The note, if it still waits for this run."""
    async with context.database.transaction() as session:
        note = await queries.find_note_for_work(session, note_id)
    is_waiting = (
        note
        and note.status is NoteStatus.PROCESSING
        and note.transcription_run == run
        and note.deleted_at is None
    )
    return note if is_waiting else None


async def _record(context: TranscribingContext, note: Note, heard: Heard, *, processing_ms: int) -> bool:
    audio = heard.audio
    async with context.database.transaction() as session:
        return await runs.record_transcription(
            session,
            context.queue,
            note.id,
            run=note.transcription_run,
            audio={
                "duration_seconds": round(audio.duration_s, 3),
                "audio_codec": audio.codec,
                "sample_rate": audio.sample_rate,
                "channels": audio.channels,
                # Many containers don't say; then it is what the file takes on the average.
                "bit_rate": audio.bit_rate or round(heard.size_bytes * 8 / audio.duration_s),
            },
            transcription=_transcription_values(heard.result, processing_ms=processing_ms),
            now=context.clock(),
        )


def _transcription_values(result: Transcription, *, processing_ms: int) -> dict[str, object]:
    return {
        "id": TranscriptionId(new_uuid()),
        "text": result.text,
        "segments": [
            {"start": round(segment.start_s, 3), "end": round(segment.end_s, 3), "text": segment.text}
            for segment in result.segments
        ],
        "words": [
            {
                "word": word.text,
                "start_time": round(word.start_s, 3),
                "end_time": round(word.end_s, 3),
                "confidence": round(word.probability, 4),
            }
            for word in result.words
        ],
        "language": result.language,
        "language_probability": round(result.language_probability, 4),
        "confidence": round(result.confidence, 4),
        "provider": result.provider,
        "model": result.model,
        "processing_duration_ms": processing_ms,
    }
