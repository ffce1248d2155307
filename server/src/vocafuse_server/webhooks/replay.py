"""Sending again everything that a webhook's receiver missed in a span of time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.clock import Clock
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import WebhookId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.webhooks import delivery_queries
from vocafuse_server.webhooks.breaker_queries import end_rest
from vocafuse_server.webhooks.models import Webhook
from vocafuse_server.webhooks.outbox import require_active

# One transaction's worth.
REPLAYED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Replay:
    """The deliveries of a webhook that were given up from `since` to `until`."""

    webhook_id: WebhookId
    since: datetime
    until: datetime


async def request_replay(
    session: AsyncSession, queue: JobQueue, webhook: Webhook, *, since: datetime, now: datetime
) -> int:
    """Have all that was given up since then sent again by a job; says how many deliveries these are.

    Raises:
        WebhookDisabled: The webhook is.
    """
    require_active(webhook)
    await queue.enqueue(
        session,
        Task.REPLAY_DELIVERIES,
        queue=Queue.MAINTENANCE,
        webhook_id=str(webhook.id),
        since=since.isoformat(),
        until=now.isoformat(),
    )
    return await delivery_queries.count_failed_deliveries(session, webhook.id, since=since, until=now)


async def run_replay(database: Database, queue: JobQueue, replay: Replay, *, clock: Clock) -> int:
    """Put the deliveries on their way again, in small steps; says how many.

    What fails again meanwhile fails after `until`, so nothing is sent twice, also if this is run twice.
    """
    replayed = 0
    while True:
        async with database.transaction() as session:
            some = await _replay_some(session, queue, replay, now=clock())
        replayed += some
        if some < REPLAYED_AT_ONCE:
            return replayed


async def _replay_some(session: AsyncSession, queue: JobQueue, replay: Replay, *, now: datetime) -> int:
    await end_rest(session, replay.webhook_id, now=now)
    reopened = await delivery_queries.reopen_failed_deliveries(
        session,
        replay.webhook_id,
        since=replay.since,
        until=replay.until,
        limit=REPLAYED_AT_ONCE,
        now=now,
    )
    await queue.enqueue_all(
        session,
        Task.DELIVER_WEBHOOK,
        queue=Queue.WEBHOOKS,
        arguments=[
            {"delivery_id": str(delivery_id), "attempt": attempts + 1} for delivery_id, attempts in reopened
        ],
    )
    return len(reopened)
