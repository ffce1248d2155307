"""What is done every hour: forgetting what has had its time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.idempotency import service as idempotency
from vocafuse_server.notes import retention
from vocafuse_server.webhooks.queries import delete_ended_deliveries

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MaintenanceContext:
    """What maintenance works with."""

    database: Database
    delivery_log_kept: timedelta
    clock: Clock = utc_now
    deleted_notes_kept: timedelta | None = None
    """None: for ever."""
    queue: JobQueue = field(default_factory=JobQueue)


async def run_deletion(context: MaintenanceContext) -> None:
    """Delete the idempotency keys, the deliveries and the deleted notes that are no longer kept."""
    now = context.clock()
    async with context.database.transaction() as session:
        keys = await idempotency.delete_expired(session, now=now)
        deliveries = await delete_ended_deliveries(session, ended_until=now - context.delivery_log_kept)
    notes = await _purge_notes(context, now)
    log.info("expired rows deleted", idempotency_keys=keys, webhook_deliveries=deliveries, notes=notes)


async def _purge_notes(context: MaintenanceContext, now: datetime) -> int:
    if context.deleted_notes_kept is None:
        return 0
    purged = 0
    while True:
        async with context.database.transaction() as session:
            some = await retention.purge(
                session, context.queue, deleted_until=now - context.deleted_notes_kept
            )
        purged += some
        if some < retention.PURGED_AT_ONCE:
            return purged
