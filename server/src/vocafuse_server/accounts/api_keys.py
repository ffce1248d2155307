"""The API keys of a tenant: made, shown and revoked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import ApiKeyInUse, ApiKeyNotFound, InsufficientScope, InvalidApiKey
from vocafuse_server.accounts.models import ApiKey, KeyStatus
from vocafuse_server.accounts.scopes import Scope, in_order
from vocafuse_server.accounts.secrets import KeyPair, new_key_pair, secret_digest
from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.ids import ApiKeyId, TenantId, new_uuid


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made, with its only chance to see the secret."""

    row: ApiKey
    key_pair: KeyPair


async def create_key(
    session: AsyncSession,
    caller: Caller,
    *,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None,
    now: datetime,
) -> NewApiKey:
    """Make another key pair for the caller's tenant.

    Raises:
        InsufficientScope: It would hold more than the caller does.
        InvalidField: It would be expired from the beginning.
    """
    if missing := scopes - caller.scopes:
        raise InsufficientScope(
            "An API key can't do more than the one that makes it.",
            details={"missing_scopes": in_order(missing)},
        )
    if expires_at is not None and expires_at <= now:
        raise InvalidField("expires_at", "must be in the future", value=expires_at.isoformat())
    key_pair = new_key_pair()
    row = await add_key(
        session, caller.tenant_id, key_pair, name=name, scopes=scopes, expires_at=expires_at, now=now
    )
    return NewApiKey(row, key_pair)


async def get_key(session: AsyncSession, tenant_id: TenantId, key_id: ApiKeyId | None) -> ApiKey:
    """One key of the tenant, revoked or not.

    Raises:
        ApiKeyNotFound: The tenant has none with this id.
    """
    found = key_id and await queries.find_key(session, tenant_id, key_id)
    if not found:
        raise ApiKeyNotFound
    return found


async def revoke_key(
    session: AsyncSession, caller: Caller, key_id: ApiKeyId | None, *, now: datetime
) -> ApiKey:
    """Revoke another key of the caller's tenant.

    The caller's own stays, so that nobody locks a tenant out by accident. The tenant is locked
    meanwhile, so that two keys can't revoke each other.

    Raises:
        ApiKeyNotFound: The tenant has no such key, or it is revoked already.
        ApiKeyInUse: It is the caller's own.
        InvalidApiKey: The caller's own has been revoked a moment ago.
    """
    if key_id is None:
        raise ApiKeyNotFound
    if key_id == caller.key_id:
        raise ApiKeyInUse
    await queries.lock_tenant(session, caller.tenant_id)
    own = caller.key_id and await queries.find_key(session, caller.tenant_id, caller.key_id)
    if not own or own.status_at(now) is not KeyStatus.ACTIVE:
        raise InvalidApiKey
    revoked = await queries.revoke_key(session, caller.tenant_id, key_id, now=now)
    if revoked is None:
        raise ApiKeyNotFound
    return revoked


async def add_key(
    session: AsyncSession,
    tenant_id: TenantId,
    key_pair: KeyPair,
    *,
    name: str,
    scopes: frozenset[Scope],
    now: datetime,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Write a key down, whoever has made it; of its secret only a digest."""
    row = ApiKey(
        id=ApiKeyId(new_uuid()),
        tenant_id=tenant_id,
        name=name,
        api_key=key_pair.api_key,
        secret_digest=secret_digest(key_pair.api_secret),
        scopes=in_order(scopes),
        status=KeyStatus.ACTIVE,
        expires_at=expires_at,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    await session.flush()
    return row
