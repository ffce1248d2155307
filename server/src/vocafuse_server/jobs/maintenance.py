"""What is done every hour: forgetting what has had its time."""

from dataclasses import dataclass

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.logging import get_logger
from vocafuse_server.idempotency import service as idempotency

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class MaintenanceContext:
    """What maintenance works with."""

    database: Database
    clock: Clock = utc_now


async def run_deletion(context: MaintenanceContext) -> None:
    """Delete the idempotency keys that are no longer kept."""
    now = context.clock()
    async with context.database.transaction() as session:
        keys = await idempotency.delete_expired(session, now=now)
    log.info("expired rows deleted", idempotency_keys=keys)
