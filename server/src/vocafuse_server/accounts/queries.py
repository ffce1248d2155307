"""SQL of accounts."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.models import ApiKey, KeyStatus, Tenant
from vocafuse_server.core.ids import TenantId


async def find_live_key(session: AsyncSession, api_key: str, *, now: datetime) -> ApiKey | None:
    """The key pair named `api_key`, unless it is revoked or has expired."""
    found = await session.scalar(select(ApiKey).where(ApiKey.api_key == api_key))
    if found is None or found.status is not KeyStatus.ACTIVE:
        return None
    if found.expires_at is not None and found.expires_at <= now:
        return None
    return found


async def tenant_is_active(session: AsyncSession, tenant_id: TenantId) -> bool:
    """Whether the tenant exists and isn't suspended."""
    return bool(
        await session.scalar(select(exists().where(Tenant.id == tenant_id, Tenant.status == "active")))
    )


async def default_tenant_exists(session: AsyncSession) -> bool:
    """Whether the database has the tenant that a first start makes."""
    return bool(await session.scalar(select(exists().where(Tenant.is_default))))
