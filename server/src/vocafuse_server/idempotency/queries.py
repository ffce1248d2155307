"""SQL of idempotency keys."""

from datetime import datetime, timedelta

from psycopg.errors import LockNotAvailable
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.idempotency.errors import StillInProgress
from vocafuse_server.idempotency.models import IdempotencyKey


async def claim_key(
    session: AsyncSession, row: IdempotencyKey, *, expired_until: datetime, patience: timedelta
) -> bool:
    """Make the row, or take over one made until `expired_until`; False if there is one that counts.

    A transaction that has claimed the same key and is still at work is waited for.

    Raises:
        StillInProgress: Longer than `patience`.
    """
    claim = insert(IdempotencyKey).values(
        tenant_id=row.tenant_id,
        identity=row.identity,
        key=row.key,
        fingerprint=row.fingerprint,
        created_at=row.created_at,
    )
    claim = claim.on_conflict_do_update(
        index_elements=["tenant_id", "identity", "key"],
        set_={"fingerprint": claim.excluded.fingerprint, "created_at": claim.excluded.created_at},
        where=IdempotencyKey.created_at <= expired_until,
    )
    await _set_lock_timeout(session, patience)
    try:
        claimed = await session.scalar(claim.returning(IdempotencyKey.key))
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable):
            raise StillInProgress from error
        raise
    await _set_lock_timeout(session, timedelta(0))
    return claimed is not None


async def find_key(session: AsyncSession, row: IdempotencyKey) -> IdempotencyKey | None:
    """The row that stands in the way of claiming this one."""
    return await session.get(IdempotencyKey, (row.tenant_id, row.identity, row.key))


async def keep_answer(session: AsyncSession, row: IdempotencyKey, *, status: int, answer: str) -> None:
    await session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.tenant_id == row.tenant_id,
            IdempotencyKey.identity == row.identity,
            IdempotencyKey.key == row.key,
        )
        .values(status=status, answer=answer)
    )


async def delete_expired(session: AsyncSession, *, expired_until: datetime) -> int:
    """How many there were to delete."""
    deleted = await session.scalars(
        delete(IdempotencyKey)
        .where(IdempotencyKey.created_at <= expired_until)
        .returning(IdempotencyKey.tenant_id)
    )
    return len(deleted.all())


async def _set_lock_timeout(session: AsyncSession, patience: timedelta) -> None:
    """For the rest of the transaction; zero is without end, which is Postgres' default."""
    milliseconds = round(patience.total_seconds() * 1000)
    await session.execute(select(func.set_config("lock_timeout", str(milliseconds), True)))
