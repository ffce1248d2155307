"""SQL of webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import TenantId, WebhookId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.webhooks.breaker import CLOSED
from vocafuse_server.webhooks.models import Webhook, WebhookStatus
from vocafuse_server.webhooks.page_queries import fetch_page

_HAS_OLD_SECRETS = func.json_array_length(Webhook.old_secrets) > 0


async def find_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId) -> Webhook | None:
    return await session.scalar(
        select(Webhook).where(Webhook.id == webhook_id, Webhook.tenant_id == tenant_id)
    )


async def insert_webhook(session: AsyncSession, values: Mapping[str, object]) -> Webhook | None:
    """The new webhook; None if the tenant has one for this URL, also one made at this very moment."""
    return await session.scalar(
        insert(Webhook)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "url"])
        .returning(Webhook)
    )


async def lock_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId) -> Webhook | None:
    """One webhook, locked against another change until the transaction ends."""
    return await session.scalar(
        select(Webhook)
        .where(Webhook.id == webhook_id, Webhook.tenant_id == tenant_id)
        .with_for_update(key_share=True)
    )


async def lock_webhooks_sealed_otherwise(
    session: AsyncSession, prefix: str, *, after: WebhookId | None, limit: int
) -> Sequence[Webhook]:
    """Webhooks whose secret does not begin so, or that have replaced ones, by id; locked against a change."""
    matching = (
        select(Webhook)
        .where(or_(~Webhook.secret.startswith(prefix, autoescape=True), _HAS_OLD_SECRETS))
        .order_by(Webhook.id)
        .limit(limit)
        .with_for_update(key_share=True)
    )
    if after is not None:
        matching = matching.where(Webhook.id > after)
    return (await session.scalars(matching)).all()


async def update_webhook(
    session: AsyncSession, webhook_id: WebhookId, values: Mapping[str, object]
) -> Webhook | None:
    """The changed webhook; None, and nothing done, if the tenant has another one for the new URL."""
    statement = update(Webhook).where(Webhook.id == webhook_id).values(**values).returning(Webhook)
    try:
        async with session.begin_nested():
            return await session.scalar(statement, execution_options={"populate_existing": True})
    except IntegrityError:
        return None


async def note_success(session: AsyncSession, webhook_id: WebhookId) -> None:
    """An attempt was taken: the webhook works."""
    await session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, or_(Webhook.failing_since.is_not(None), Webhook.unanswered > 0))
        .values(failing_since=None, **CLOSED)
    )


async def note_failure(session: AsyncSession, webhook_id: WebhookId, *, now: datetime) -> None:
    """An attempt failed: from now on it is counted how long all do."""
    await session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.failing_since.is_(None))
        .values(failing_since=now)
    )


async def disable_failing_webhook(
    session: AsyncSession, webhook_id: WebhookId, *, failing_since: datetime, now: datetime
) -> bool:
    """active -> disabled, if every attempt has failed since then; whether that is so."""
    disabled = await session.scalar(
        update(Webhook)
        .where(
            Webhook.id == webhook_id,
            Webhook.status == WebhookStatus.ACTIVE,
            Webhook.failing_since <= failing_since,
        )
        .values(status=WebhookStatus.DISABLED, updated_at=now)
        .returning(Webhook.id)
    )
    return disabled is not None


async def list_webhooks(
    session: AsyncSession, tenant_id: TenantId, *, status: WebhookStatus | None, page: PageRequest
) -> Page[Webhook]:
    """The tenant's webhooks, newest first."""
    matching: Select[Webhook] = select(Webhook).where(Webhook.tenant_id == tenant_id)
    if status is not None:
        matching = matching.where(Webhook.status == status)
    return await fetch_page(session, matching.order_by(Webhook.id.desc()), page)


async def delete_webhook(session: AsyncSession, tenant_id: TenantId, webhook_id: WebhookId) -> bool:
    """Whether there was one to delete. Its deliveries go with it."""
    deleted = await session.scalar(
        delete(Webhook).where(Webhook.id == webhook_id, Webhook.tenant_id == tenant_id).returning(Webhook.id)
    )
    return deleted is not None


async def webhooks_to_tell(session: AsyncSession, tenant_id: TenantId, events: list[str]) -> list[Webhook]:
    """The active webhooks of the tenant that listen to any of these event names.

    None of them can be deleted before the transaction ends, or its deliveries would belong to nothing.
    """
    found = await session.scalars(
        select(Webhook)
        .where(
            Webhook.tenant_id == tenant_id,
            Webhook.status == WebhookStatus.ACTIVE,
            Webhook.events.overlap(events),
        )
        .with_for_update(read=True, key_share=True)
    )
    return list(found)
