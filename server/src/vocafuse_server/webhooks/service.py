"""What can be done with webhooks."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.ids import DeliveryId, TenantId, WebhookId, new_uuid
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.storage.outbound import AddressGuard, ForbiddenAddress
from vocafuse_server.webhooks import queries
from vocafuse_server.webhooks.errors import WebhookExists, WebhookNotFound
from vocafuse_server.webhooks.events import EVENT_NAMES, EventKind, Noun, parse_events
from vocafuse_server.webhooks.models import Delivery, DeliveryStatus, Webhook, WebhookStatus
from vocafuse_server.webhooks.signing import new_secret

MAX_URL_LENGTH = 2048


async def check_url(guard: AddressGuard, url: str) -> None:
    """Raises InvalidField unless deliveries may go to this URL.

    Asks the resolver, so it is called before a transaction is begun.
    """
    if len(url) > MAX_URL_LENGTH:
        raise InvalidField("url", f"must be at most {MAX_URL_LENGTH} characters long", value=url)
    try:
        await guard.check_url(url)
    except ForbiddenAddress as error:
        raise InvalidField("url", str(error), value=url) from error


async def create_webhook(
    session: AsyncSession,
    tenant_id: TenantId,
    *,
    url: str,
    events: list[str],
    secret: str | None,
    now: datetime,
) -> Webhook:
    """Subscribe an endpoint, whose URL has been checked, to events.

    Raises:
        InvalidField: The events are not acceptable.
        WebhookExists: The tenant has one for this URL.
    """
    names = parse_events(events)
    webhook = await queries.insert_webhook(
        session,
        {
            "id": WebhookId(new_uuid()),
            "tenant_id": tenant_id,
            "url": url,
            "events": names,
            "secret": secret or new_secret(),
            "status": WebhookStatus.ACTIVE,
            "created_at": now,
            "updated_at": now,
        },
    )
    if webhook is None:
        raise WebhookExists
    return webhook


async def get_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId | None) -> Webhook:
    """One webhook of the tenant.

    Raises:
        WebhookNotFound: The tenant has none with this id.
    """
    found = webhook_id and await queries.find_webhook(session, tenant_id, webhook_id)
    if not found:
        raise WebhookNotFound
    return found


async def delete_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId | None) -> None:
    """Remove a webhook with its deliveries.

    Raises:
        WebhookNotFound: The tenant has none with this id.
    """
    if webhook_id is None or not await queries.delete_webhook(session, tenant_id, webhook_id):
        raise WebhookNotFound


async def announce(
    session: AsyncSession,
    queue: JobQueue,
    *,
    tenant_id: TenantId,
    kind: EventKind,
    payloads: Mapping[Noun, Mapping[str, object]],
    now: datetime,
) -> None:
    """Put an event on its way to every subscriber, in the session's transaction.

    Args:
        payloads: The payload without `event` and `timestamp`, in each spelling.
    """
    spellings = {name: event for name, event in EVENT_NAMES.items() if event.kind is kind}
    for webhook in await queries.webhooks_to_tell(session, tenant_id, list(spellings)):
        for name in webhook.events:
            if name in spellings:
                body = {"event": name, "timestamp": int(now.timestamp()), **payloads[spellings[name].noun]}
                await _enqueue_delivery(session, queue, webhook, event=name, body=body, now=now)


async def _enqueue_delivery(
    session: AsyncSession,
    queue: JobQueue,
    webhook: Webhook,
    *,
    event: str,
    body: Mapping[str, object],
    now: datetime,
) -> None:
    delivery = Delivery(
        id=DeliveryId(new_uuid()),
        tenant_id=webhook.tenant_id,
        webhook_id=webhook.id,
        event=event,
        payload=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        status=DeliveryStatus.PENDING,
        attempts=0,
        created_at=now,
        updated_at=now,
    )
    session.add(delivery)
    await session.flush()
    await queue.enqueue(session, Task.DELIVER_WEBHOOK, queue=Queue.WEBHOOKS, delivery_id=str(delivery.id))
