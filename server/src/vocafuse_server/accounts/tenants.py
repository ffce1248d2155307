"""What an operator does with tenants: makes them, changes them, gives them key pairs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.api_keys import add_key
from vocafuse_server.accounts.models import Plan, Tenant, TenantStatus
from vocafuse_server.accounts.scopes import KEY_SCOPES
from vocafuse_server.accounts.secrets import KeyPair, new_key_pair
from vocafuse_server.core.ids import TenantId, new_uuid


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant just made, with its only chance to see the secret."""

    tenant_id: TenantId
    key_pair: KeyPair


async def create_tenant(
    session: AsyncSession,
    *,
    name: str,
    plan: Plan,
    key_pair: KeyPair,
    now: datetime,
    is_default: bool = False,
) -> NewTenant:
    """Make a tenant and its first key pair, which holds every scope."""
    tenant = Tenant(
        id=TenantId(new_uuid()),
        name=name,
        plan=plan,
        is_default=is_default,
        created_at=now,
        updated_at=now,
    )
    session.add(tenant)
    await session.flush()
    await add_key(session, tenant.id, key_pair, name="First key", scopes=KEY_SCOPES, now=now)
    return NewTenant(tenant.id, key_pair)


@dataclass(frozen=True, slots=True)
class TenantChanges:
    """What an operator changes of a tenant; None leaves as it is."""

    name: str | None = None
    plan: Plan | None = None
    status: TenantStatus | None = None


async def change_tenant(
    session: AsyncSession, tenant_id: TenantId, changes: TenantChanges, *, now: datetime
) -> Tenant | None:
    """Change what only an operator can change of a tenant; None if there is no such tenant."""
    tenant = await queries.lock_tenant(session, tenant_id)
    if tenant is None:
        return None
    tenant.name = changes.name or tenant.name
    tenant.plan = changes.plan or tenant.plan
    tenant.status = changes.status or tenant.status
    tenant.updated_at = now
    await session.flush()
    return tenant


async def add_key_pair(
    session: AsyncSession, tenant_id: TenantId, *, name: str, now: datetime
) -> KeyPair | None:
    """Another key pair that holds every scope; None if there is no such tenant."""
    if await queries.lock_tenant(session, tenant_id) is None:
        return None
    pair = new_key_pair()
    await add_key(session, tenant_id, pair, name=name, scopes=KEY_SCOPES, now=now)
    return pair
