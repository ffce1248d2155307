"""Deleting notes: for good at once, or kept for a while; restoring them, and purging those kept too long."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import queries
from vocafuse_server.notes.errors import existing
from vocafuse_server.notes.events import announce_note
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.notes.reading import get_note
from vocafuse_server.notes.runs import enqueue_run
from vocafuse_server.webhooks.delivery_queries import forget_note
from vocafuse_server.webhooks.events import EventKind

# One transaction's worth.
PURGED_AT_ONCE = 100


async def delete_note(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> None:
    """Remove a note for good: row and transcription now, the audio by a job of the same transaction.

    With it goes what webhooks were told of it; what is still on its way goes once it has ended.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.delete_note(session, owner, note_id) if note_id else None)
    await _leave_nothing(session, queue, note.id, note.audio_key)
    await _announce_deletion(session, queue, note, now=now)


async def put_away(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> None:
    """Delete a note so that nobody finds it any more, but keep its data.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.put_note_away(session, owner, note_id, now=now) if note_id else None)
    await _announce_deletion(session, queue, note, now=now)


async def put_away_for_a_while(
    session: AsyncSession,
    queue: JobQueue,
    owner: Owner,
    note_id: NoteId | None,
    *,
    undo: timedelta,
    now: datetime,
) -> None:
    """Delete a note for good, but not at once: for a while it can be restored. Then webhooks hear of it.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.put_note_away(session, owner, note_id, now=now) if note_id else None)
    await queue.enqueue(
        session,
        Task.PURGE_NOTE,
        queue=Queue.MAINTENANCE,
        at=now + undo,
        note_id=str(note.id),
        deleted_at=now.isoformat(),
    )


async def restore_note(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> Note:
    """Let a deleted note that is still kept be found again; one that isn't deleted stays as it is.

    Raises:
        NoteNotFound: This owner has none with this id, or it is gone for good.
    """
    restored = note_id and await queries.restore_note(session, owner, note_id, now=now)
    if not restored:
        return await get_note(session, owner, note_id)
    if restored.status is NoteStatus.PROCESSING:
        await enqueue_run(session, queue, restored)
    return restored


async def purge_note(
    session: AsyncSession, queue: JobQueue, note_id: NoteId, *, deleted_at: datetime, now: datetime
) -> None:
    """Remove a note for good that was deleted at this moment; does nothing if it has been restored."""
    note = await queries.purge_note(session, note_id, deleted_at=deleted_at)
    if note is not None:
        await _leave_nothing(session, queue, note.id, note.audio_key)
        await _announce_deletion(session, queue, note, now=now)


async def purge_notes(session: AsyncSession, queue: JobQueue, *, deleted_until: datetime) -> int:
    """Remove some of the notes deleted until then for good, with their audio and what webhooks were told.

    Returns:
        How many; as many as `PURGED_AT_ONCE` if there may be more.
    """
    purged = await queries.purge_notes(session, deleted_until=deleted_until, limit=PURGED_AT_ONCE)
    for note_id, audio_key in purged:
        await _leave_nothing(session, queue, note_id, audio_key)
    return len(purged)


async def _leave_nothing(session: AsyncSession, queue: JobQueue, note_id: NoteId, audio_key: str) -> None:
    """Remove what outlives the row of a note: its audio, and what webhooks were told of it."""
    await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=audio_key)
    await forget_note(session, note_id)


async def _announce_deletion(session: AsyncSession, queue: JobQueue, note: Note, *, now: datetime) -> None:
    """Announce that a note is deleted, unless nobody has heard of it: its audio has never arrived."""
    if note.status is not NoteStatus.CREATED or note.file_size_bytes is not None:
        await announce_note(session, queue, note, EventKind.DELETED, now=now)
