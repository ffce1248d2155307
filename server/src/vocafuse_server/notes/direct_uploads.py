"""Uploads that go past this server, straight into the object store: found there by looking, ever less often.

The URL that a client has leads to a key of its own under `incoming/` and stays good for a while, so what has
arrived is given another key before anybody looks at it: nobody can put something else in its place.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.audio.containers import SNIFF_BYTES, sniff
from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ApiError, PayloadTooLarge, UnsupportedAudioError
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import creating, queries
from vocafuse_server.notes.errors import AudioAlreadyUploaded, NoteNotFound
from vocafuse_server.notes.intake import INCOMING, ArrivedAudio
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.storage.objects import Objects

log = get_logger(__name__)

_FIRST_LOOK = timedelta(seconds=1)
# Each look waits for a third of the time since the URL was made: a note starts a third late at the most.
_SHARE_WAITED = 1 / 3
# A store takes what began before its URL expired.
_LONGEST_PUT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DirectUploadContext:
    """What finding uploads takes."""

    database: Database
    queue: JobQueue
    objects: Objects
    max_bytes: int
    clock: Clock = utc_now


def incoming_key(note_id: NoteId) -> str:
    """Where a client puts the audio of a note."""
    return f"{INCOMING}/{note_id}"


async def look_for(
    session: AsyncSession, queue: JobQueue, note_id: NoteId, *, now: datetime, lifetime: timedelta
) -> None:
    """Have a job look for the audio of a note, for as long as its URL is good."""
    until = now + lifetime + _LONGEST_PUT
    await _look_at(session, queue, note_id, now + _FIRST_LOOK, since=now, until=until)


async def find_upload(
    context: DirectUploadContext, note_id: NoteId, *, since: datetime, until: datetime
) -> None:
    """Make the audio the note's if it has arrived, else look again later.

    Does nothing if the note is gone or has its audio, so that a job may run twice.
    """
    async with context.database.transaction() as session:
        note = await queries.find_note_for_work(session, note_id)
    if note is None or note.status is not NoteStatus.CREATED:
        await context.objects.delete(_taken_key(note_id))
        return
    found = await _find_audio(context.objects, note)
    if found is None:
        await _look_later(context, note_id, since, until)
        return
    try:
        await _take_in(context, note_id, *found)
    except (AudioAlreadyUploaded, NoteNotFound):
        await context.objects.delete(_taken_key(note_id))


def _taken_key(note_id: NoteId) -> str:
    return f"{incoming_key(note_id)}.taken"


async def _find_audio(objects: Objects, note: Note) -> tuple[str, int] | None:
    """The key of what has arrived, out of its URL's reach, and its size; None if nothing has.

    A worker that died may have taken it away, or given it its name already.
    """
    taken = _taken_key(note.id)
    for key in (taken, note.audio_key):
        if (size_bytes := await objects.size(key)) is not None:
            return key, size_bytes
    if await objects.size(incoming_key(note.id)) is None:
        return None
    await objects.rename(incoming_key(note.id), taken)
    return taken, await objects.size(taken) or 0


async def _take_in(context: DirectUploadContext, note_id: NoteId, key: str, size_bytes: int) -> None:
    audio = await _checked(context, key, size_bytes)
    if isinstance(audio, ApiError):
        async with context.database.transaction() as session:
            await creating.refuse_audio(
                session, context.queue, note_id, code=audio.name, message=str(audio), now=context.clock()
            )
        await context.objects.delete(key)
        log.info("direct upload refused", note_id=str(note_id), size_bytes=size_bytes, reason=audio.name)
        return
    async with context.database.transaction() as session:
        await creating.finish_upload(
            session, context.objects, context.queue, note_id=note_id, audio=audio, now=context.clock()
        )
    log.info("direct upload found", note_id=str(note_id), size_bytes=size_bytes)


async def _checked(context: DirectUploadContext, key: str, size_bytes: int) -> ArrivedAudio | ApiError:
    """The audio, or why it can't be taken."""
    if size_bytes > context.max_bytes:
        return PayloadTooLarge(context.max_bytes)
    if size_bytes == 0:
        return UnsupportedAudioError()
    chunks = await context.objects.open(key, start=0, end=min(size_bytes, SNIFF_BYTES))
    container = sniff(b"".join([chunk async for chunk in chunks]))
    return UnsupportedAudioError() if container is None else ArrivedAudio(key, container, size_bytes)


async def _look_later(
    context: DirectUploadContext, note_id: NoteId, since: datetime, until: datetime
) -> None:
    now = context.clock()
    if now >= until:
        log.info("direct upload never came", note_id=str(note_id))
        return
    at = min(until, now + max(_FIRST_LOOK, (now - since) * _SHARE_WAITED))
    async with context.database.transaction() as session:
        await _look_at(session, context.queue, note_id, at, since=since, until=until)


async def _look_at(
    session: AsyncSession,
    queue: JobQueue,
    note_id: NoteId,
    at: datetime,
    *,
    since: datetime,
    until: datetime,
) -> None:
    await queue.enqueue(
        session,
        Task.FIND_UPLOAD,
        queue=Queue.FETCHING,
        at=at,
        note_id=str(note_id),
        since=since.timestamp(),
        until=until.timestamp(),
    )


def moment(timestamp: float) -> datetime:
    """A time as a job's arguments hold it."""
    return datetime.fromtimestamp(timestamp, timezone.utc)
