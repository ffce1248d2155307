"""SQL of accounts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import BindParameter, ColumnElement, bindparam, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.models import ApiKey, DailyUsage, KeyStatus, Plan, Tenant, TenantStatus
from vocafuse_server.core.ids import ApiKeyId, TenantId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.core.reading import RowQuery, RowReader


class LiveKey(NamedTuple):
    """What authentication needs to know of a key pair."""

    id: ApiKeyId
    tenant_id: TenantId
    secret_digest: bytes
    scopes: list[str]
    plan: Plan


async def find_live_key(rows: RowReader, api_key: str, *, now: datetime) -> LiveKey | None:
    """The key pair named `api_key`; None if it is revoked or has expired, or its tenant is suspended."""
    return await rows.find(_LIVE_KEY, api_key=api_key, now=now)


async def find_active_tenant(
    session: AsyncSession, tenant_id: TenantId | None
) -> tuple[TenantId, Plan] | None:
    """The tenant, or the default one, and its plan; None unless it exists and isn't suspended."""
    is_meant = Tenant.is_default if tenant_id is None else Tenant.id == tenant_id
    found = (
        await session.execute(
            select(Tenant.id, Tenant.plan).where(is_meant, Tenant.status == TenantStatus.ACTIVE)
        )
    ).one_or_none()
    return None if found is None else (found[0], found[1])


async def default_tenant_exists(session: AsyncSession) -> bool:
    """Whether the database has the tenant that a first start makes."""
    return bool(await session.scalar(select(exists().where(Tenant.is_default))))


async def list_tenants(session: AsyncSession) -> Sequence[Tenant]:
    """All tenants, the oldest first."""
    found = await session.scalars(select(Tenant).order_by(Tenant.id))
    return found.all()


async def find_tenant(session: AsyncSession, tenant_id: TenantId) -> Tenant | None:
    return await session.get(Tenant, tenant_id)


async def lock_tenant(session: AsyncSession, tenant_id: TenantId) -> Tenant | None:
    """The tenant, locked against whoever else locks it, until the transaction ends."""
    return await session.scalar(select(Tenant).where(Tenant.id == tenant_id).with_for_update())


async def find_key(session: AsyncSession, tenant_id: TenantId, key_id: ApiKeyId) -> ApiKey | None:
    return await session.scalar(select(ApiKey).where(ApiKey.id == key_id, ApiKey.tenant_id == tenant_id))


async def list_keys(
    session: AsyncSession,
    tenant_id: TenantId,
    *,
    status: KeyStatus | None,
    now: datetime,
    page: PageRequest,
) -> Page[ApiKey]:
    """The tenant's keys, newest first; revoked ones only when their status is asked for."""
    conditions = [ApiKey.tenant_id == tenant_id, key_is(status, now)]
    total = await session.scalar(select(func.count()).select_from(ApiKey).where(*conditions))
    rows = await session.scalars(
        select(ApiKey).where(*conditions).order_by(ApiKey.id.desc()).offset(page.offset).limit(page.limit)
    )
    return Page(rows.all(), page, total or 0)


async def revoke_key(
    session: AsyncSession, tenant_id: TenantId, key_id: ApiKeyId, *, now: datetime
) -> ApiKey | None:
    """active -> revoked; None if the tenant has no such key, or it is revoked already."""
    return await session.scalar(
        update(ApiKey)
        .where(ApiKey.id == key_id, ApiKey.tenant_id == tenant_id, ApiKey.status == KeyStatus.ACTIVE)
        .values(status=KeyStatus.REVOKED, updated_at=now)
        .returning(ApiKey)
    )


async def add_key_uses(session: AsyncSession, uses: Mapping[ApiKeyId, tuple[int, datetime]]) -> None:
    """Count how often each key was used and when last, all in one statement.

    Rows are locked in the order of their ids, so that processes that write at once wait for each
    other instead of deadlocking.
    """
    await session.execute(
        text(
            "WITH used AS (SELECT * FROM unnest("
            "CAST(:ids AS uuid[]), CAST(:counts AS bigint[]), CAST(:times AS timestamptz[])"
            ") AS used (id, count, at)), "
            "locked AS (SELECT id FROM api_keys WHERE id IN (SELECT id FROM used)"
            " ORDER BY id FOR NO KEY UPDATE) "
            "UPDATE api_keys SET usage_count = api_keys.usage_count + used.count,"
            " last_used_at = GREATEST(api_keys.last_used_at, used.at) "
            "FROM locked JOIN used ON used.id = locked.id WHERE api_keys.id = locked.id"
        ),
        {
            "ids": list(uses),
            "counts": [count for count, _ in uses.values()],
            "times": [at for _, at in uses.values()],
        },
    )


async def add_usage(
    session: AsyncSession,
    tenant_id: TenantId,
    day: date,
    *,
    notes_count: int,
    size_bytes: int,
    duration_ms: int,
) -> None:
    """Add to what the tenant used on a day."""
    added = insert(DailyUsage).values(
        tenant_id=tenant_id,
        day=day,
        notes_count=notes_count,
        size_bytes=size_bytes,
        duration_ms=duration_ms,
    )
    await session.execute(
        added.on_conflict_do_update(
            index_elements=["tenant_id", "day"],
            set_={
                "notes_count": DailyUsage.notes_count + added.excluded.notes_count,
                "size_bytes": DailyUsage.size_bytes + added.excluded.size_bytes,
                "duration_ms": DailyUsage.duration_ms + added.excluded.duration_ms,
            },
        )
    )


async def list_usage(session: AsyncSession, tenant_id: TenantId, *, since: date) -> Sequence[DailyUsage]:
    """What the tenant used on each day since then on which it used anything."""
    found = await session.scalars(
        select(DailyUsage).where(DailyUsage.tenant_id == tenant_id, DailyUsage.day >= since)
    )
    return found.all()


def key_is(status: KeyStatus | None, now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Whether a key has this status, or none was asked for and it isn't revoked."""
    if status in {None, KeyStatus.REVOKED}:
        return ApiKey.status == (status or KeyStatus.ACTIVE)
    expired = ApiKey.expires_at <= now
    in_time = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now)
    return (ApiKey.status == KeyStatus.ACTIVE) & (in_time if status is KeyStatus.ACTIVE else expired)


_LIVE_KEY = RowQuery(
    LiveKey._make,
    select(ApiKey.id, ApiKey.tenant_id, ApiKey.secret_digest, ApiKey.scopes, Tenant.plan)
    .join(Tenant, Tenant.id == ApiKey.tenant_id)
    .where(
        ApiKey.api_key == bindparam("api_key"),
        key_is(KeyStatus.ACTIVE, bindparam("now")),
        Tenant.status == TenantStatus.ACTIVE,
    ),
)
