"""What is done every hour: forgetting what has had its time."""

from dataclasses import dataclass
from datetime import timedelta

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.logging import get_logger
from vocafuse_server.idempotency import service as idempotency
from vocafuse_server.webhooks.queries import delete_ended_deliveries

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MaintenanceContext:
    """What maintenance works with."""

    database: Database
    delivery_log_kept: timedelta
    clock: Clock = utc_now


async def run_deletion(context: MaintenanceContext) -> None:
    """Delete the idempotency keys and the deliveries that are no longer kept."""
    now = context.clock()
    async with context.database.transaction() as session:
        keys = await idempotency.delete_expired(session, now=now)
        deliveries = await delete_ended_deliveries(session, ended_until=now - context.delivery_log_kept)
    log.info("expired rows deleted", idempotency_keys=keys, webhook_deliveries=deliveries)
