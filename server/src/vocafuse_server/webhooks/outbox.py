"""Deliveries: putting them on their way, looking at them, asking for them again."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import DeliveryId, NoteId, TenantId, new_uuid
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.webhooks import delivery_queries, queries
from vocafuse_server.webhooks.breaker_queries import end_rest
from vocafuse_server.webhooks.errors import DeliveryNotFound, WebhookDisabled
from vocafuse_server.webhooks.events import EVENT_NAMES, TEST_EVENT, EventKind, Noun
from vocafuse_server.webhooks.models import Delivery, DeliveryStatus, Webhook, WebhookStatus


async def announce(
    session: AsyncSession,
    queue: JobQueue,
    *,
    tenant_id: TenantId,
    note_id: NoteId,
    kind: EventKind,
    payloads: Mapping[Noun, Mapping[str, object]],
    now: datetime,
) -> None:
    """Put an event about a note on its way to every subscriber, in the session's transaction.

    Args:
        payloads: The payload without `event` and `timestamp`, in each spelling.
    """
    spellings = {name: event for name, event in EVENT_NAMES.items() if event.kind is kind}
    for webhook in await queries.webhooks_to_tell(session, tenant_id, list(spellings)):
        for name in webhook.events:
            if name in spellings:
                content = payloads[spellings[name].noun]
                await _send(session, queue, webhook, name, content, note_id=note_id, now=now)


async def send_test(session: AsyncSession, queue: JobQueue, webhook: Webhook, *, now: datetime) -> Delivery:
    """Put an event on its way that is about nothing but the webhook.

    Raises:
        WebhookDisabled: The webhook is.
    """
    require_active(webhook)
    await end_rest(session, webhook.id, now=now)
    content = {"webhook": {"id": str(webhook.id), "events": webhook.events}}
    sent = await _send(session, queue, webhook, TEST_EVENT, content, note_id=None, now=now)
    return await get_delivery(session, webhook, sent.id)


async def redeliver(
    session: AsyncSession, queue: JobQueue, webhook: Webhook, delivery_id: DeliveryId | None, *, now: datetime
) -> Delivery:
    """Make an attempt at a delivery now, and if it fails all the others again.

    The delivery keeps its id and its payload, so a receiver can tell that it has had it.

    Raises:
        WebhookDisabled: The webhook is.
        DeliveryNotFound: The webhook has none with this id.
    """
    require_active(webhook)
    await end_rest(session, webhook.id, now=now)
    if delivery_id is None or not await delivery_queries.reopen_delivery(
        session, webhook.id, delivery_id, now=now
    ):
        raise DeliveryNotFound
    delivery = await get_delivery(session, webhook, delivery_id)
    await enqueue_attempt(session, queue, delivery.id, number=delivery.attempts + 1)
    return delivery


async def get_delivery(session: AsyncSession, webhook: Webhook, delivery_id: DeliveryId | None) -> Delivery:
    """One delivery of a webhook, with its attempts.

    Raises:
        DeliveryNotFound: The webhook has none with this id.
    """
    found = await delivery_queries.find_delivery(session, webhook.id, delivery_id) if delivery_id else None
    if found is None:
        raise DeliveryNotFound
    return found


async def enqueue_attempt(
    session: AsyncSession,
    queue: JobQueue,
    delivery_id: DeliveryId,
    *,
    number: int,
    at: datetime | None = None,
) -> None:
    """Put an attempt on the queue. It is numbered, so that of several jobs for one attempt one makes it."""
    await queue.enqueue(
        session,
        Task.DELIVER_WEBHOOK,
        queue=Queue.WEBHOOKS,
        at=at,
        delivery_id=str(delivery_id),
        attempt=number,
    )


def require_active(webhook: Webhook) -> None:
    """Raises WebhookDisabled unless the webhook gets deliveries."""
    if webhook.status is not WebhookStatus.ACTIVE:
        raise WebhookDisabled


async def _send(
    session: AsyncSession,
    queue: JobQueue,
    webhook: Webhook,
    event: str,
    content: Mapping[str, object],
    *,
    note_id: NoteId | None,
    now: datetime,
) -> Delivery:
    body = {"event": event, "timestamp": int(now.timestamp()), **content}
    delivery = Delivery(
        id=DeliveryId(new_uuid()),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        note_id=note_id,
        event=event,
        payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=DeliveryStatus.PENDING,
        attempts=0,
        next_attempt_at=now,
        created_at=now,
        updated_at=now,
    )
    session.add(delivery)
    await session.flush()
    await enqueue_attempt(session, queue, delivery.id, number=1)
    return delivery
