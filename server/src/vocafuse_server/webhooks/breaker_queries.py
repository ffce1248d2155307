"""SQL of the endpoints' breakers."""

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import WebhookId
from vocafuse_server.webhooks.breaker import CLOSED, after_silence
from vocafuse_server.webhooks.models import Webhook


async def claim_probe(
    session: AsyncSession, webhook_id: WebhookId, *, now: datetime, until: datetime
) -> bool:
    """Whether the caller is the one who sees whether a receiver that has rested answers again."""
    claimed = await session.scalar(
        update(Webhook)
        .where(
            Webhook.id == webhook_id,
            Webhook.rests_until <= now,
            or_(Webhook.probed_until.is_(None), Webhook.probed_until <= now),
        )
        .values(probed_until=until)
        .returning(Webhook.id)
    )
    return claimed is not None


async def note_silence(
    session: AsyncSession, webhook_id: WebhookId, *, begun_at: datetime, is_probe: bool, now: datetime
) -> datetime | None:
    """An attempt had no answer; returns until when the receiver rests, if it does so from now on."""
    known = select(Webhook).where(Webhook.id == webhook_id).with_for_update(key_share=True)
    webhook = await session.scalar(known, execution_options={"populate_existing": True})
    if webhook is None:
        return None
    values = after_silence(webhook, begun_at=begun_at, is_probe=is_probe, now=now)
    await session.execute(update(Webhook).where(Webhook.id == webhook_id).values(**values))
    until = values.get("rests_until")
    return until if isinstance(until, datetime) else None


async def note_answer(session: AsyncSession, webhook_id: WebhookId) -> None:
    """An attempt had an answer: whoever waits may call."""
    await session.execute(
        update(Webhook).where(Webhook.id == webhook_id, Webhook.unanswered > 0).values(**CLOSED)
    )


async def end_rest(session: AsyncSession, webhook_id: WebhookId, *, now: datetime) -> None:
    """Let the next delivery see at once whether the receiver answers again: somebody asks for it."""
    await session.execute(
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.rests_until.is_not(None))
        .values(rests_until=func.least(Webhook.rests_until, now), probed_until=None)
    )
