"""What is done every now and then: forgetting what has had its time, resuming what nobody works on."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.queue_queries import delete_ended_jobs
from vocafuse_server.idempotency import service as idempotency
from vocafuse_server.notes import deleting
from vocafuse_server.notes.feed_queries import delete_old_events
from vocafuse_server.notes.sweeping import LOST_AFTER, SWEPT_AT_ONCE
from vocafuse_server.webhooks.delivery_queries import delete_ended_deliveries
from vocafuse_server.webhooks.outbox import enqueue_attempt
from vocafuse_server.webhooks.sweep_queries import lock_lost_deliveries

log = get_logger(__name__)

# How many deliveries one transaction forgets, so that nobody waits for a lock.
DELETED_AT_ONCE = 100
# How long a job is shown that was given up.
_JOBS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class MaintenanceContext:
    """What maintenance works with."""

    database: Database
    delivery_log_kept: timedelta
    clock: Clock = utc_now
    deleted_notes_kept: timedelta | None = None
    """None: for ever."""
    abandoned_after: timedelta = timedelta(days=1)
    """How old an upload without end must be to be forgotten."""
    queue: JobQueue = field(default_factory=JobQueue)


async def run_deletion(context: MaintenanceContext) -> None:
    """Delete the idempotency keys, deliveries, events, deleted notes and jobs that are no longer kept."""
    now = context.clock()
    async with context.database.transaction() as session:
        keys = await idempotency.delete_expired(session, now=now)
        events = await delete_old_events(session)
        jobs = await delete_ended_jobs(session, kept=_JOBS_KEPT)
    ended = partial(
        delete_ended_deliveries, ended_until=now - context.delivery_log_kept, limit=DELETED_AT_ONCE
    )
    deliveries = await context.database.in_portions(ended, size=DELETED_AT_ONCE)
    notes = await _purge_notes(context, now)
    log.info(
        "expired rows deleted",
        idempotency_keys=keys,
        webhook_deliveries=deliveries,
        note_events=events,
        notes=notes,
        jobs=jobs,
    )


async def resume_lost_deliveries(context: MaintenanceContext) -> None:
    """Put deliveries that are overdue, and that no job will make, on the queue again."""

    async def resume(session: AsyncSession) -> int:
        due_until = context.clock() - LOST_AFTER
        lost = await lock_lost_deliveries(session, due_until=due_until, limit=SWEPT_AT_ONCE)
        for delivery in lost:
            log.warning("webhook delivery without a job put on the queue again", delivery_id=str(delivery.id))
            await enqueue_attempt(session, context.queue, delivery.id, number=delivery.attempts + 1)
        return len(lost)

    await context.database.in_portions(resume, size=SWEPT_AT_ONCE)


async def _purge_notes(context: MaintenanceContext, now: datetime) -> int:
    if context.deleted_notes_kept is None:
        return 0
    purge = partial(deleting.purge_notes, queue=context.queue, deleted_until=now - context.deleted_notes_kept)
    return await context.database.in_portions(purge, size=deleting.PURGED_AT_ONCE)
