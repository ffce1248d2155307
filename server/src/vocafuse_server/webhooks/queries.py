"""SQL of webhooks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from vocafuse_server.core.ids import DeliveryId, NoteId, TenantId, WebhookId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.webhooks.breaker import CLOSED
from vocafuse_server.webhooks.models import Delivery, DeliveryStatus, Webhook, WebhookStatus

Row = TypeVar("Row", Webhook, Delivery)
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


async def end_deliveries(session: AsyncSession, webhook_id: WebhookId, *, now: datetime) -> None:
    """pending -> failed, for all of a webhook."""
    await session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.FAILED, next_attempt_at=None, updated_at=now)
    )


async def list_webhooks(
    session: AsyncSession, tenant_id: TenantId, *, status: WebhookStatus | None, page: PageRequest
) -> Page[Webhook]:
    """The tenant's webhooks, newest first."""
    matching: Select[Webhook] = select(Webhook).where(Webhook.tenant_id == tenant_id)
    if status is not None:
        matching = matching.where(Webhook.status == status)
    return await _page(session, matching.order_by(Webhook.id.desc()), page)


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


async def list_deliveries(
    session: AsyncSession, webhook_id: WebhookId, *, status: DeliveryStatus | None, page: PageRequest
) -> Page[Delivery]:
    """A webhook's deliveries with their attempts, newest first."""
    matching: Select[Delivery] = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if status is not None:
        matching = matching.where(Delivery.status == status)
    newest_first = matching.order_by(Delivery.id.desc()).options(selectinload(Delivery.log))
    return await _page(session, newest_first, page)


async def find_delivery(
    session: AsyncSession, webhook_id: WebhookId, delivery_id: DeliveryId
) -> Delivery | None:
    """A webhook's delivery with its attempts."""
    return await session.scalar(
        select(Delivery)
        .where(Delivery.id == delivery_id, Delivery.webhook_id == webhook_id)
        .options(selectinload(Delivery.log))
        .execution_options(populate_existing=True)
    )


async def reopen_delivery(
    session: AsyncSession, webhook_id: WebhookId, delivery_id: DeliveryId, *, now: datetime
) -> bool:
    """Any status -> pending, with the whole schedule of attempts before it; False if there is none."""
    reopened = await session.scalar(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.webhook_id == webhook_id)
        .values(_reopened(now))
        .returning(Delivery.id)
    )
    return reopened is not None


async def reopen_failed_deliveries(
    session: AsyncSession,
    webhook_id: WebhookId,
    *,
    since: datetime,
    until: datetime,
    limit: int,
    now: datetime,
) -> list[tuple[DeliveryId, int]]:
    """failed -> pending for some that were given up in this span, oldest first, if their webhook is
    active; their ids and how many attempts there were."""
    some = (
        select(Delivery.id)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .where(*_failed(webhook_id, since, until), Webhook.status == WebhookStatus.ACTIVE)
        .order_by(Delivery.updated_at, Delivery.id)
        .limit(limit)
        .with_for_update(of=Delivery)
    )
    reopened = await session.execute(
        update(Delivery)
        .where(Delivery.id.in_(some))
        .values(_reopened(now))
        .returning(Delivery.id, Delivery.attempts)
        .execution_options(synchronize_session=False)
    )
    return sorted((row.id, row.attempts) for row in reopened)


async def count_failed_deliveries(
    session: AsyncSession, webhook_id: WebhookId, *, since: datetime, until: datetime
) -> int:
    """How many deliveries of a webhook were given up in this span."""
    counted = select(func.count()).select_from(Delivery).where(*_failed(webhook_id, since, until))
    return await session.scalar(counted) or 0


def _failed(webhook_id: WebhookId, since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    return [
        Delivery.webhook_id == webhook_id,
        Delivery.status == DeliveryStatus.FAILED,
        Delivery.updated_at.between(since, until),
    ]


def _reopened(now: datetime) -> dict[str, object]:
    return {
        "status": DeliveryStatus.PENDING,
        "attempts_before": Delivery.attempts,
        "next_attempt_at": now,
        "waiting_since": None,
        "updated_at": now,
    }


async def forget_note(session: AsyncSession, note_id: NoteId) -> None:
    """Delete the deliveries about a note, those still on their way once they have ended."""
    about_it = Delivery.note_id == note_id
    pending = Delivery.status == DeliveryStatus.PENDING
    await session.execute(update(Delivery).where(about_it, pending).values(note_deleted=True))
    await session.execute(delete(Delivery).where(about_it, ~pending))


async def delete_ended_deliveries(session: AsyncSession, *, ended_until: datetime, limit: int) -> int:
    """Delete some of what ended long ago or is about a deleted note; says how many."""
    some = (
        select(Delivery.id)
        .where(
            Delivery.status != DeliveryStatus.PENDING,
            or_(Delivery.updated_at <= ended_until, Delivery.note_deleted),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    deleted = await session.scalars(delete(Delivery).where(Delivery.id.in_(some)).returning(Delivery.id))
    return len(deleted.all())


async def find_pending_delivery(
    session: AsyncSession, delivery_id: DeliveryId, *, attempt: int
) -> tuple[Delivery, Webhook] | None:
    """A delivery whose next attempt is this one, with its endpoint.

    None when it has ended or is deleted, and when another job has made the attempt.
    """
    row = (
        await session.execute(
            select(Delivery, Webhook)
            .join(Webhook, Webhook.id == Delivery.webhook_id)
            .where(*_awaits(delivery_id, attempt))
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


async def postpone_attempt(
    session: AsyncSession,
    delivery_id: DeliveryId,
    *,
    number: int,
    at: datetime,
    waiting_since: datetime | None,
) -> bool:
    """Show when attempt `number` will be made; False if it is no longer wanted."""
    postponed = await session.scalar(
        update(Delivery)
        .where(*_awaits(delivery_id, number))
        .values(next_attempt_at=at, waiting_since=waiting_since)
        .returning(Delivery.id)
    )
    return postponed is not None


async def record_attempt(
    session: AsyncSession,
    delivery_id: DeliveryId,
    *,
    number: int,
    status: DeliveryStatus,
    next_attempt_at: datetime | None,
    now: datetime,
) -> bool:
    """Count attempt `number` and move the delivery on; False if another job has done so already."""
    moved = await session.scalar(
        update(Delivery)
        .where(*_awaits(delivery_id, number))
        .values(
            status=status,
            attempts=number,
            next_attempt_at=next_attempt_at,
            waiting_since=None,
            updated_at=now,
        )
        .returning(Delivery.id)
    )
    return moved is not None


def _awaits(delivery_id: DeliveryId, attempt: int) -> list[ColumnElement[bool]]:
    """That a delivery is pending, and that this is the attempt it is waiting for."""
    return [
        Delivery.id == delivery_id,
        Delivery.status == DeliveryStatus.PENDING,
        Delivery.attempts == attempt - 1,
    ]


async def _page(session: AsyncSession, matching: Select[Row], page: PageRequest) -> Page[Row]:
    total = await session.scalar(select(func.count()).select_from(matching.order_by(None).subquery()))
    rows = await session.scalars(matching.offset(page.offset).limit(page.limit))
    return Page(rows.all(), page, total or 0)
