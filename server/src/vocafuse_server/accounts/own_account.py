"""What the owner of an account sees of it and can change."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.models import Tenant
from vocafuse_server.core.compact_json import compact_size
from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.errors import InvalidField, NotFound
from vocafuse_server.core.ids import TenantId

MAX_SETTINGS_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class AccountChanges:
    """What to change of an account; None leaves as it is.

    Attributes:
        email: The new one; an empty one is none.
        settings: Merged into those there are; a setting that is None is removed.
    """

    name: str | None = None
    email: str | None = None
    settings: JsonObject | None = None


async def get_account(session: AsyncSession, tenant_id: TenantId) -> Tenant:
    """The caller's account.

    Raises:
        NotFound: It was deleted a moment ago.
    """
    found = await queries.find_tenant(session, tenant_id)
    if found is None:
        raise NotFound
    return found


async def update_account(
    session: AsyncSession, tenant_id: TenantId, changes: AccountChanges, *, now: datetime
) -> Tenant:
    """Change what an account's owner can change of it.

    Raises:
        InvalidField: The settings would be too large.
        NotFound: It was deleted a moment ago.
    """
    tenant = await queries.lock_tenant(session, tenant_id)
    if tenant is None:
        raise NotFound
    if changes.name is not None:
        tenant.name = changes.name
    if changes.email is not None:
        tenant.email = changes.email or None
    if changes.settings is not None:
        tenant.settings = _merged(tenant.settings, changes.settings)
    if changes != AccountChanges():
        tenant.updated_at = now
    await session.flush()
    return tenant


def _merged(settings: JsonObject, changes: JsonObject) -> JsonObject:
    merged = {name: value for name, value in {**settings, **changes}.items() if value is not None}
    if compact_size(merged) > MAX_SETTINGS_BYTES:
        raise InvalidField("settings", f"must take at most {MAX_SETTINGS_BYTES} bytes as compact JSON")
    return merged
