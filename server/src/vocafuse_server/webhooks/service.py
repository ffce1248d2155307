"""What can be done with webhooks."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.ids import TenantId, WebhookId, new_uuid
from vocafuse_server.core.secret_box import SecretBox, SecretUnreadable
from vocafuse_server.storage.outbound import AddressGuard
from vocafuse_server.storage.urls import ForbiddenAddress
from vocafuse_server.webhooks import delivery_queries, queries
from vocafuse_server.webhooks.breaker import CLOSED
from vocafuse_server.webhooks.errors import WebhookExists, WebhookNotFound
from vocafuse_server.webhooks.events import parse_events
from vocafuse_server.webhooks.models import Webhook, WebhookStatus
from vocafuse_server.webhooks.rotation import Secrets
from vocafuse_server.webhooks.sealing import open_secrets, sealed_columns
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
    box: SecretBox,
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
    webhook_id = WebhookId(new_uuid())
    webhook = await queries.insert_webhook(
        session,
        {
            "id": webhook_id,
            "tenant_id": tenant_id,
            "url": url,
            "events": names,
            "status": WebhookStatus.ACTIVE,
            "created_at": now,
            "updated_at": now,
            **sealed_columns(box, webhook_id, Secrets(secret or new_secret(), [])),
        },
    )
    if webhook is None:
        raise WebhookExists
    return webhook


@dataclass(frozen=True, slots=True)
class WebhookChanges:
    """What shall be otherwise about a webhook; what is None stays. The URL has been checked."""

    url: str | None = None
    events: list[str] | None = None
    status: WebhookStatus | None = None
    secret: str | None = None


async def update_webhook(
    session: AsyncSession,
    box: SecretBox,
    tenant_id: TenantId,
    webhook_id: WebhookId | None,
    changes: WebhookChanges,
    *,
    now: datetime,
) -> Webhook:
    """Change a webhook. Disabling it ends the deliveries that are on their way.

    Raises:
        WebhookNotFound: The tenant has none with this id.
        InvalidField: The events are not acceptable.
        WebhookExists: The tenant has another one for the new URL.
        TooManyRotations: The secret was replaced too often.
    """
    webhook = await _lock_webhook(session, tenant_id, webhook_id)
    values: dict[str, object] = {"updated_at": now}
    if changes.url is not None:
        values |= {"url": changes.url, "failing_since": None, **CLOSED}
    if changes.events is not None:
        values["events"] = parse_events(changes.events)
    if changes.status is not None:
        values |= {"status": changes.status, "failing_since": None, **CLOSED}
    if changes.secret is not None:
        values |= _with_secret(box, webhook, changes.secret, now=now)
    changed = await queries.update_webhook(session, webhook.id, values)
    if changed is None:
        raise WebhookExists
    if changed.status is WebhookStatus.DISABLED:
        await delivery_queries.end_deliveries(session, webhook.id, now=now)
    return changed


async def rotate_secret(
    session: AsyncSession,
    box: SecretBox,
    tenant_id: TenantId,
    webhook_id: WebhookId | None,
    *,
    secret: str | None,
    now: datetime,
) -> Webhook:
    """Replace a webhook's secret, by a new random one if none is given.

    Raises:
        WebhookNotFound: The tenant has none with this id.
        TooManyRotations: The secret was replaced too often.
    """
    changes = WebhookChanges(secret=secret or new_secret())
    return await update_webhook(session, box, tenant_id, webhook_id, changes, now=now)


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


async def _lock_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId | None) -> Webhook:
    found = webhook_id and await queries.lock_webhook(session, tenant_id, webhook_id)
    if not found:
        raise WebhookNotFound
    return found


def _with_secret(box: SecretBox, webhook: Webhook, secret: str, *, now: datetime) -> dict[str, object]:
    try:
        secrets = open_secrets(box, webhook).replaced_by(secret, now)
    except SecretUnreadable:  # It signs nothing any more, so it can't sign along either.
        secrets = Secrets(secret, [])
    return sealed_columns(box, webhook.id, secrets)
