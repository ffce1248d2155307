"""SQL of dictations."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.ids import DictationId
from vocafuse_server.dictation.models import Dictation

# On which the database tells that one has ended.
CHANNEL = "dictations"


async def find_waiting(session: AsyncSession, dictation_id: DictationId) -> Dictation | None:
    """One that is yet to be transcribed, and that somebody waits for."""
    return await session.scalar(
        select(Dictation).where(Dictation.id == dictation_id, Dictation.ended_at.is_(None))
    )


async def find_ended(session: AsyncSession, dictation_id: DictationId) -> Dictation | None:
    return await session.scalar(
        select(Dictation).where(Dictation.id == dictation_id, Dictation.ended_at.is_not(None))
    )


async def end(
    session: AsyncSession,
    dictation_id: DictationId,
    *,
    now: datetime,
    transcription: JsonObject | None = None,
    failure_code: str | None = None,
    failure_message: str | None = None,
) -> Dictation | None:
    """Write down what came of one, and tell who waits; None, and nothing done, if nobody does any more."""
    ended = await session.scalar(
        update(Dictation)
        .where(Dictation.id == dictation_id, Dictation.ended_at.is_(None))
        .values(
            ended_at=now,
            transcription=transcription,
            failure_code=failure_code,
            failure_message=failure_message,
        )
        .returning(Dictation)
    )
    if ended is not None:
        await session.execute(select(func.pg_notify(CHANNEL, str(dictation_id))))
    return ended


async def forget(session: AsyncSession, dictation_id: DictationId) -> None:
    await session.execute(delete(Dictation).where(Dictation.id == dictation_id))


async def forget_expired(session: AsyncSession, *, now: datetime, limit: int) -> Sequence[str]:
    """Forget those for which nobody can be waiting any more; the keys of their audio."""
    expired = (
        select(Dictation.id).where(Dictation.expires_at <= now).limit(limit).with_for_update(skip_locked=True)
    )
    return (
        await session.scalars(
            delete(Dictation).where(Dictation.id.in_(expired)).returning(Dictation.audio_key)
        )
    ).all()
