"""Making a delivery: find, send, record, and schedule the next attempt when it failed."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.clock import Clock, utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DeliveryId, WebhookId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import DeliveryOutcome, Metrics
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.secret_box import SecretBox, SecretUnreadable
from vocafuse_server.core.tracing import TRACEPARENT, current_traceparent
from vocafuse_server.storage.outbound import GuardedClient, OutboundError
from vocafuse_server.webhooks import breaker_queries, delivery_queries, queries
from vocafuse_server.webhooks.breaker import SILENT_STATUSES, Turn, judge, lease
from vocafuse_server.webhooks.models import Delivery, DeliveryAttempt, DeliveryStatus, Webhook, WebhookStatus
from vocafuse_server.webhooks.outbox import enqueue_attempt
from vocafuse_server.webhooks.places import Places
from vocafuse_server.webhooks.retry import next_delay
from vocafuse_server.webhooks.sealing import open_secrets
from vocafuse_server.webhooks.signing import delivery_headers

log = get_logger(__name__)

MAX_RESPONSE_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """What making deliveries takes."""

    database: Database
    queue: JobQueue
    client: GuardedClient
    places: Places
    box: SecretBox
    timeout_s: float
    retry_delays_s: Sequence[float]
    disable_after: timedelta
    clock: Clock = utc_now
    metrics: Metrics = field(default_factory=Metrics)
    rng: random.Random = field(default_factory=random.SystemRandom)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of an attempt: a status code with the beginning of the answer, or an error."""

    begun_at: datetime
    duration_ms: int
    status_code: int | None = None
    response: str | None = None
    error: str | None = None
    is_probe: bool = False
    was_called: bool = True
    """Whether the receiver was called for it, so that its silence says something."""

    @property
    def kind(self) -> DeliveryOutcome:
        if self.status_code is None:
            return DeliveryOutcome.UNREACHABLE
        return DeliveryOutcome.DELIVERED if 200 <= self.status_code < 300 else DeliveryOutcome.REFUSED

    @property
    def delivered(self) -> bool:
        return self.kind is DeliveryOutcome.DELIVERED

    @property
    def silent(self) -> bool:
        """Whether it tells that the receiver is not there, and nothing about this delivery."""
        return self.status_code is None or self.status_code in SILENT_STATUSES


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What the record of an attempt changed about its webhook."""

    disabled: bool = False
    rests_until: datetime | None = None


async def deliver(context: DeliveryContext, delivery_id: DeliveryId, *, attempt: int) -> None:
    """Make one attempt at a delivery; does nothing if it has been made or is no longer wanted.

    If the receiver rests or has no place free, the attempt is put off and made by another job.
    The transaction is not held while the receiver is called. A crash between the answer and the
    record repeats the attempt: at least once, with the same delivery id.
    """
    found = await _find(context, delivery_id, attempt)
    if found is None:
        return
    delivery, webhook = found
    verdict = judge(webhook, waiting_since=delivery.waiting_since, now=context.clock())
    if verdict.turn is Turn.FAILED:
        await _conclude(context, delivery, webhook, _not_called(webhook, context.clock()))
    elif verdict.until is not None:
        await _put_off(context, delivery, verdict.until, rests=True)
    else:
        await _call(context, delivery, webhook, is_probe=verdict.turn is Turn.PROBE)


async def _call(context: DeliveryContext, delivery: Delivery, webhook: Webhook, *, is_probe: bool) -> None:
    now = context.clock()
    wait_s = context.places.wait_s(webhook)
    if wait_s is not None:
        await _put_off(context, delivery, now + timedelta(seconds=wait_s), rests=False)
        return
    with context.places.taken(webhook):
        if is_probe:
            until = lease(now, timeout_s=context.timeout_s)
            async with context.database.transaction() as session:
                claimed = await breaker_queries.claim_probe(session, webhook.id, now=now, until=until)
            if not claimed:
                await _put_off(context, delivery, until, rests=True)
                return
        outcome = await _send(context, delivery, webhook)
    await _conclude(context, delivery, webhook, replace(outcome, is_probe=is_probe))


async def _conclude(
    context: DeliveryContext, delivery: Delivery, webhook: Webhook, outcome: _Outcome
) -> None:
    """Record what came of an attempt, and tell the log and the metrics."""
    async with context.database.transaction() as session:
        recorded = await _record(session, context, delivery, outcome)
    host = urlsplit(webhook.url).hostname  # Of some receivers the path is a secret.
    if outcome.was_called:
        context.metrics.delivery_attempted(outcome.kind, duration_s=outcome.duration_ms / 1000)
        write = log.info if outcome.delivered else log.warning
        write(
            "webhook delivered" if outcome.delivered else "webhook attempt failed",
            delivery_id=str(delivery.id),
            host=host,
            webhook_event=delivery.event,
            attempt=delivery.attempts + 1,
            status_code=outcome.status_code,
            error=outcome.error,
            duration_ms=outcome.duration_ms,
        )
    about = log.bind(webhook_id=str(webhook.id), tenant_id=str(webhook.tenant_id), host=host)
    if recorded.rests_until is not None:
        about.warning("webhook receiver is left alone for a while", until=recorded.rests_until.isoformat())
    elif webhook.rests_until is not None and not outcome.silent:
        about.info("webhook receiver answers again")
    if recorded.disabled:
        days = context.disable_after / timedelta(days=1)
        about.error("webhook disabled, because every delivery has failed for days", days=days)


async def _find(
    context: DeliveryContext, delivery_id: DeliveryId, attempt: int
) -> tuple[Delivery, Webhook] | None:
    async with context.database.transaction() as session:
        found = await delivery_queries.find_pending_delivery(session, delivery_id, attempt=attempt)
        if found is not None and found[1].status is WebhookStatus.DISABLED:
            # It was announced at the moment when its webhook was disabled.
            await delivery_queries.end_deliveries(session, found[1].id, now=context.clock())
            return None
        return found


async def _put_off(context: DeliveryContext, delivery: Delivery, until: datetime, *, rests: bool) -> None:
    number, now = delivery.attempts + 1, context.clock()
    # Spread out, so that what is put off together doesn't come back together.
    at = now + (until - now) * context.rng.uniform(1, 1.5)
    since = (delivery.waiting_since or now) if rests else delivery.waiting_since
    log.debug("webhook attempt put off", delivery_id=str(delivery.id), attempt=number, until=at.isoformat())
    async with context.database.transaction() as session:
        if await delivery_queries.postpone_attempt(
            session, delivery.id, number=number, at=at, waiting_since=since
        ):
            await enqueue_attempt(session, context.queue, delivery.id, number=number, at=at)


async def _send(context: DeliveryContext, delivery: Delivery, webhook: Webhook) -> _Outcome:
    body, now = delivery.payload.encode(), context.clock()
    try:
        secrets = open_secrets(context.box, webhook)
    except SecretUnreadable as error:
        log.error("webhook secret unreadable", webhook_id=str(webhook.id), reason=str(error))
        reason = "not sent: the server can't read the webhook's secret; replace it"
        return _Outcome(now, 0, error=reason, was_called=False)
    headers = delivery_headers(
        secrets.signing(now),
        body,
        delivery_id=str(delivery.id),
        event=delivery.event,
        now=now,
    )
    if (traceparent := current_traceparent()) is not None:
        headers[TRACEPARENT] = traceparent
    started = time.monotonic()
    try:
        response = await context.client.post(
            webhook.url, headers=headers, body=body, timeout_s=context.timeout_s
        )
    except OutboundError as error:
        return _Outcome(now, _milliseconds_since(started), error=str(error))
    return _Outcome(now, _milliseconds_since(started), response.status, excerpt(response.body))


def _not_called(webhook: Webhook, now: datetime) -> _Outcome:
    tried_at = "" if webhook.unanswered_at is None else f" at {webhook.unanswered_at:%Y-%m-%dT%H:%M:%SZ}"
    error = f"not called: the receiver was called for another delivery{tried_at} and did not answer"
    return _Outcome(now, 0, error=error, was_called=False)


def excerpt(body: bytes) -> str:
    """The beginning of an answer, as text that can be stored and shown."""
    return body.decode(errors="replace").replace("\x00", "\ufffd")[:MAX_RESPONSE_CHARACTERS]


async def _record(
    session: AsyncSession, context: DeliveryContext, delivery: Delivery, outcome: _Outcome
) -> _Recorded:
    now, number = context.clock(), delivery.attempts + 1
    delay = next_delay(number - delivery.attempts_before, context.retry_delays_s, rng=context.rng)
    if outcome.delivered:
        status, next_attempt_at = DeliveryStatus.DELIVERED, None
    elif delay is None:
        status, next_attempt_at = DeliveryStatus.FAILED, None
    else:
        status, next_attempt_at = DeliveryStatus.PENDING, now + delay
    # The webhook's row before the delivery's, here as elsewhere, so that no two wait for each other.
    recorded = await _judge_webhook(session, context, delivery.webhook_id, outcome, given_up=delay is None)
    if not await delivery_queries.record_attempt(
        session, delivery.id, number=number, status=status, next_attempt_at=next_attempt_at, now=now
    ):
        return recorded
    if status is DeliveryStatus.FAILED:
        context.metrics.delivery_abandoned()
    session.add(
        DeliveryAttempt(
            delivery_id=delivery.id,
            number=number,
            status_code=outcome.status_code,
            error=outcome.error,
            response=outcome.response,
            duration_ms=outcome.duration_ms,
            created_at=now,
        )
    )
    if next_attempt_at is not None:
        await enqueue_attempt(session, context.queue, delivery.id, number=number + 1, at=next_attempt_at)
    if recorded.disabled:
        await delivery_queries.end_deliveries(session, delivery.webhook_id, now=now)
    return recorded


async def _judge_webhook(
    session: AsyncSession,
    context: DeliveryContext,
    webhook_id: WebhookId,
    outcome: _Outcome,
    *,
    given_up: bool,
) -> _Recorded:
    """Whether to leave the receiver alone, and whether to disable the webhook: a delivery has been given
    up, and for days none was taken."""
    now, rests_until = context.clock(), None
    if outcome.delivered:
        await queries.note_success(session, webhook_id)
        return _Recorded()
    await queries.note_failure(session, webhook_id, now=now)
    if not outcome.silent:
        await breaker_queries.note_answer(session, webhook_id)
    elif outcome.was_called:
        rests_until = await breaker_queries.note_silence(
            session, webhook_id, begun_at=outcome.begun_at, is_probe=outcome.is_probe, now=now
        )
    disabled = given_up and await queries.disable_failing_webhook(
        session, webhook_id, failing_since=now - context.disable_after, now=now
    )
    return _Recorded(disabled, rests_until)


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
