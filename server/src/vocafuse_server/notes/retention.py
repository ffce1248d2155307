"""Deleted notes are kept for as long as the settings say, and then purged."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import queries, service
from vocafuse_server.webhooks.queries import forget_note

# One transaction's worth.
PURGED_AT_ONCE = 100


async def purge(session: AsyncSession, queue: JobQueue, *, deleted_until: datetime) -> int:
    """Remove some of the notes deleted until then for good, with their audio and what webhooks were told.

    Returns:
        How many; as many as `PURGED_AT_ONCE` if there may be more.
    """
    purged = await queries.purge_notes(session, deleted_until=deleted_until, limit=PURGED_AT_ONCE)
    for note_id, audio_key in purged:
        await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=audio_key)
        await forget_note(session, note_id)
    return len(purged)


async def purge_note(
    session: AsyncSession, queue: JobQueue, note_id: NoteId, *, deleted_at: datetime, now: datetime
) -> None:
    """Remove a note for good that was deleted at this moment; does nothing if it has been restored."""
    note = await queries.purge_note(session, note_id, deleted_at=deleted_at)
    if note is not None:
        await service.leave_nothing(session, queue, note, now=now)
