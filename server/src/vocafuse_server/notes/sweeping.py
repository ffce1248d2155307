"""What a crash can leave of notes is found by what the rows and the store say, and mended."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.hold_queries import audio_is_held
from vocafuse_server.core.ids import NoteId, TenantId, made_at, parse_id, parse_uuid
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import sweep_queries
from vocafuse_server.notes.intake import INCOMING
from vocafuse_server.notes.runs import enqueue_run
from vocafuse_server.storage.objects import Objects, StoredObject

log = get_logger(__name__)

# One transaction's worth.
SWEPT_AT_ONCE = 100
# Long before this, a job that is only on its way from one state to the next is there again.
LOST_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SweepContext:
    """What sweeping takes.

    Attributes:
        abandoned_after: How old an upload without end must be, and audio without a note; longer than any
            upload can take.
    """

    database: Database
    queue: JobQueue
    objects: Objects
    abandoned_after: timedelta
    clock: Clock = utc_now


async def resume_lost_runs(context: SweepContext) -> None:
    """Put notes that no job will ever end on the queue again."""

    async def resume(session: AsyncSession) -> int:
        since = context.clock() - LOST_AFTER
        lost = await sweep_queries.lock_lost_runs(session, untouched_since=since, limit=SWEPT_AT_ONCE)
        for note in lost:
            log.warning("note without a job put on the queue again", note_id=str(note.id))
            await enqueue_run(session, context.queue, note)
        return len(lost)

    await context.database.in_portions(resume, size=SWEPT_AT_ONCE)


async def sweep_uploads(context: SweepContext) -> None:
    """Forget uploads that never came to their end: rows without audio, bytes that are nobody's."""

    async def forget(session: AsyncSession) -> int:
        until = context.clock() - context.abandoned_after
        forgotten = await sweep_queries.delete_abandoned(session, created_until=until, limit=SWEPT_AT_ONCE)
        for _, audio_key in forgotten:
            # Of an upload that ended but wasn't committed the object is there already.
            await context.queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=audio_key)
        return len(forgotten)

    notes = await context.database.in_portions(forget, size=SWEPT_AT_ONCE)
    until = context.clock() - context.abandoned_after
    parts = await context.objects.delete_unfinished(INCOMING, until=until)
    whole = 0
    async for page in context.objects.listed(INCOMING):
        for stored in page:
            if _written_at(stored) <= until:
                await context.objects.delete(stored.key)
                whole += 1
    log.info("abandoned uploads forgotten", notes=notes, unfinished_files=parts, objects=whole)


async def sweep_store(context: SweepContext) -> None:
    """Delete audio whose note doesn't exist.

    A note's audio gets its key a moment before its row is committed, and a job deletes it after the row. What
    doesn't look like the audio of a known tenant is left alone: it may be another database's. While a backup
    is made, which may still have the note, nothing is deleted.
    """
    until = context.clock() - context.abandoned_after
    deleted = 0
    async for page in context.objects.listed():
        old = {one.key: owner for one in page if (owner := _owner(one)) and _written_at(one) <= until}
        async with context.database.transaction() as session:
            if await audio_is_held(session):
                log.info("audio is swept another time, because a backup is being made")
                break
            tenants = await sweep_queries.find_tenants(session, {tenant_id for tenant_id, _ in old.values()})
            notes = await sweep_queries.find_notes(session, {note_id for _, note_id in old.values()})
        for key, (tenant_id, note_id) in old.items():
            if tenant_id in tenants and note_id not in notes:
                await context.objects.delete(key)
                deleted += 1
    log.info("audio without a note deleted", objects=deleted)


def _owner(stored: StoredObject) -> tuple[TenantId, NoteId] | None:
    """The tenant and the note that a key of audio names."""
    folder, _, name = stored.key.partition("/")
    tenant_id, note_id = parse_id(TenantId, folder), parse_id(NoteId, name.partition(".")[0])
    return (tenant_id, note_id) if tenant_id and note_id else None


def _written_at(stored: StoredObject) -> datetime:
    """When an object was written, or its key made: a copy in a folder is as old as what it is a copy of."""
    named = parse_uuid(stored.key.rpartition("/")[2].partition(".")[0])
    made = made_at(named) if named is not None and named.version == 7 else stored.modified_at
    return max(made, stored.modified_at)
