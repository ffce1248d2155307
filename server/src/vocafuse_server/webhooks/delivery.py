"""Making a delivery: prepare, send, record, and schedule the next attempt when it failed."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DeliveryId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import DeliveryOutcome, Metrics
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.storage.outbound import GuardedClient, OutboundError
from vocafuse_server.webhooks import queries
from vocafuse_server.webhooks.models import DeliveryAttempt, DeliveryStatus
from vocafuse_server.webhooks.retry import next_delay
from vocafuse_server.webhooks.rotation import Secrets
from vocafuse_server.webhooks.signing import delivery_headers

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What making deliveries takes."""

    database: Database
    queue: JobQueue
    client: GuardedClient
    timeout_s: float
    retry_delays_s: Sequence[float]
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)
    rng: random.Random = field(default_factory=random.SystemRandom)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """One attempt, ready to be sent."""

    number: int
    url: str
    event: str
    headers: dict[str, str] = field(repr=False)
    body: bytes


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of an attempt: a status code or an error."""

    duration_ms: int
    status_code: int | None = None
    error: str | None = None

    @property
    def kind(self) -> DeliveryOutcome:
        if self.status_code is None:
            return DeliveryOutcome.UNREACHABLE
        return DeliveryOutcome.DELIVERED if 200 <= self.status_code < 300 else DeliveryOutcome.REFUSED

    @property
    def delivered(self) -> bool:
        return self.kind is DeliveryOutcome.DELIVERED


async def deliver(context: DeliveryContext, delivery_id: DeliveryId) -> None:
    """Make one attempt at a delivery; does nothing if the delivery is done already.

    The transaction is not held while the receiver is called. A crash between the answer and the
    record repeats the attempt: at least once, with the same delivery id.
    """
    prepared = await _prepare(context, delivery_id)
    if prepared is None:
        return
    outcome = await _send(context, prepared)
    async with context.database.transaction() as session:
        await _record(session, context, delivery_id, prepared, outcome)
    context.metrics.delivery_attempted(outcome.kind, duration_s=outcome.duration_ms / 1000)
    write = log.info if outcome.delivered else log.warning
    write(
        "webhook delivered" if outcome.delivered else "webhook attempt failed",
        delivery_id=str(delivery_id),
        host=urlsplit(prepared.url).hostname,  # Of some receivers the path is a secret.
        webhook_event=prepared.event,
        attempt=prepared.number,
        status_code=outcome.status_code,
        error=outcome.error,
        duration_ms=outcome.duration_ms,
    )


async def _prepare(context: DeliveryContext, delivery_id: DeliveryId) -> _Prepared | None:
    async with context.database.transaction() as session:
        found = await queries.find_pending_delivery(session, delivery_id)
        if found is None:
            return None
        delivery, webhook = found
        body = delivery.payload.encode()
        now = context.clock()
        secrets = Secrets(webhook.secret, webhook.old_secrets).signing(now)
        headers = delivery_headers(secrets, body, delivery_id=str(delivery.id), event=delivery.event, now=now)
        return _Prepared(delivery.attempts + 1, webhook.url, delivery.event, headers, body)


async def _send(context: DeliveryContext, prepared: _Prepared) -> _Outcome:
    started = time.monotonic()
    try:
        response = await context.client.post(
            prepared.url, headers=prepared.headers, body=prepared.body, timeout_s=context.timeout_s
        )
    except OutboundError as error:
        return _Outcome(_milliseconds_since(started), error=str(error))
    return _Outcome(_milliseconds_since(started), status_code=response.status)


async def _record(
    session: AsyncSession,
    context: DeliveryContext,
    delivery_id: DeliveryId,
    prepared: _Prepared,
    outcome: _Outcome,
) -> None:
    now = context.clock()
    delay = next_delay(prepared.number, context.retry_delays_s, rng=context.rng)
    if outcome.delivered:
        status = DeliveryStatus.DELIVERED
    else:
        status = DeliveryStatus.FAILED if delay is None else DeliveryStatus.PENDING
    if not await queries.record_attempt(session, delivery_id, number=prepared.number, status=status, now=now):
        return
    if status is DeliveryStatus.FAILED:
        context.metrics.delivery_abandoned()
    session.add(
        DeliveryAttempt(
            delivery_id=delivery_id,
            number=prepared.number,
            status_code=outcome.status_code,
            error=outcome.error,
            duration_ms=outcome.duration_ms,
            created_at=now,
        )
    )
    if status is DeliveryStatus.PENDING and delay is not None:
        await context.queue.enqueue(
            session,
            Task.DELIVER_WEBHOOK,
            queue=Queue.WEBHOOKS,
            at=now + delay,
            delivery_id=str(delivery_id),
        )


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
