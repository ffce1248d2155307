"""SQL of what a crash can leave of deliveries: those whose next attempt no job will make."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.webhooks.models import Delivery, DeliveryStatus

_HAS_NO_JOB = text(
    "NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    " AND task_name = 'deliver_webhook' AND args ->> 'delivery_id' = webhook_deliveries.id::text"
    " AND (args ->> 'attempt')::int = webhook_deliveries.attempts + 1)"
)


async def lock_lost_deliveries(
    session: AsyncSession, *, due_until: datetime, limit: int
) -> Sequence[Delivery]:
    """Deliveries that are pending and overdue, and have no job."""
    found = await session.scalars(
        select(Delivery)
        .where(Delivery.status == DeliveryStatus.PENDING, Delivery.next_attempt_at <= due_until, _HAS_NO_JOB)
        .order_by(Delivery.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return found.all()
