"""SQL of deliveries."""

from datetime import datetime

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from vocafuse_server.core.ids import DeliveryId, NoteId, WebhookId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.webhooks.models import Delivery, DeliveryStatus, Webhook, WebhookStatus
from vocafuse_server.webhooks.page_queries import fetch_page


async def list_deliveries(
    session: AsyncSession, webhook_id: WebhookId, *, status: DeliveryStatus | None, page: PageRequest
) -> Page[Delivery]:
    """A webhook's deliveries with their attempts, newest first."""
    matching: Select[Delivery] = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if status is not None:
        matching = matching.where(Delivery.status == status)
    newest_first = matching.order_by(Delivery.id.desc()).options(selectinload(Delivery.log))
    return await fetch_page(session, newest_first, page)


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


async def end_deliveries(session: AsyncSession, webhook_id: WebhookId, *, now: datetime) -> None:
    """pending -> failed, for all of a webhook."""
    await session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.FAILED, next_attempt_at=None, updated_at=now)
    )


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


def _awaits(delivery_id: DeliveryId, attempt: int) -> list[ColumnElement[bool]]:
    """That a delivery is pending, and that this is the attempt it is waiting for."""
    return [
        Delivery.id == delivery_id,
        Delivery.status == DeliveryStatus.PENDING,
        Delivery.attempts == attempt - 1,
    ]
