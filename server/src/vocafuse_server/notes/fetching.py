"""The audio of a note that names a URL: fetched into the store once its transcription is asked for."""

from dataclasses import dataclass, field
from functools import partial

from vocafuse_server.core.errors import PayloadTooLarge, UnsupportedAudioError
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.notes.creating import finish_fetch
from vocafuse_server.notes.intake import ArrivedAudio, received_audio
from vocafuse_server.notes.transcribing import TranscribingContext, fail_note, find_waiting
from vocafuse_server.storage.disk import DiskFull, Disks
from vocafuse_server.storage.fetching import FetchInterrupted, FetchRefused, UrlFetcher

log = get_logger(__name__)

FETCH_FAILED = "AUDIO_FETCH_FAILED"


@dataclass(frozen=True, slots=True)
class FetchingContext:
    """What fetching the audio of notes takes."""

    transcribing: TranscribingContext
    fetcher: UrlFetcher
    max_bytes: int
    disks: Disks = field(default_factory=partial(Disks, (), reserve_bytes=0))


async def fetch_note(context: FetchingContext, note_id: NoteId, *, run: int, is_last_try: bool) -> None:
    """Fetch a note's audio and put its transcription on the queue, or record why there is no audio.

    No transaction is held while the bytes come. Does nothing if the note is gone or isn't waiting for
    this run, so that a job may run twice.

    Raises:
        FetchInterrupted, DiskFull: It may work another time; not on the last try.
        OSError: The store failed.
    """
    note = await find_waiting(context.transcribing, note_id, run)
    if note is None or note.source_url is None or note.file_size_bytes is not None:
        return
    try:
        context.disks.check()
        async with (
            context.fetcher.fetched(note.source_url) as chunks,
            received_audio(context.transcribing.objects, chunks, max_bytes=context.max_bytes) as audio,
        ):
            await _take_in(context.transcribing, note_id, audio)
    except (FetchInterrupted, DiskFull) as error:
        if not is_last_try:
            raise
        await _give_up(context, note_id, run, FETCH_FAILED, f"The audio could not be fetched. {error}")
    except FetchRefused as error:
        await _give_up(context, note_id, run, FETCH_FAILED, f"The audio could not be fetched. {error}")
    except (PayloadTooLarge, UnsupportedAudioError) as error:
        await _give_up(context, note_id, run, error.name, f"What the URL leads to can't be used. {error}")


async def _take_in(context: TranscribingContext, note_id: NoteId, audio: ArrivedAudio) -> None:
    async with context.database.transaction() as session:
        taken = await finish_fetch(
            session, context.objects, context.queue, note_id=note_id, audio=audio, now=context.clock()
        )
    if not taken:
        await context.objects.delete(audio.key)
    log.info("audio fetched", note_id=str(note_id), size_bytes=audio.size_bytes, taken=taken)


async def _give_up(context: FetchingContext, note_id: NoteId, run: int, code: str, message: str) -> None:
    await fail_note(context.transcribing, note_id, run=run, code=code, message=message)
