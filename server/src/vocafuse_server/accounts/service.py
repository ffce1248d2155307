"""What can be done with accounts."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.callers import Caller, missing_for, token_caller
from vocafuse_server.accounts.errors import (
    ApiKeyInUse,
    ApiKeyNotFound,
    InsufficientScope,
    InvalidApiKey,
    InvalidToken,
)
from vocafuse_server.accounts.issuers import ExternalIssuers
from vocafuse_server.accounts.models import ApiKey, KeyStatus, Plan, Tenant, TenantStatus
from vocafuse_server.accounts.scopes import KEY_SCOPES, Scope, TokenScope, in_order
from vocafuse_server.accounts.secrets import KeyPair, new_key_pair, secret_digest, secret_matches
from vocafuse_server.accounts.tokens import TokenClaims, TokenSigner
from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.errors import InvalidField, NotFound
from vocafuse_server.core.ids import ApiKeyId, TenantId, new_uuid
from vocafuse_server.core.reading import RowReader

# Compared with when a key is unknown, so that guessing keys takes as long as guessing secrets.
_NO_DIGEST = bytes(32)
MAX_SETTINGS_BYTES = 16 * 1024


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
    await _add_key(session, tenant.id, key_pair, name="First key", scopes=KEY_SCOPES, now=now)
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
    """Another key pair that holds every scope, by the operator; None if there is no such tenant."""
    if await queries.lock_tenant(session, tenant_id) is None:
        return None
    pair = new_key_pair()
    await _add_key(session, tenant_id, pair, name=name, scopes=KEY_SCOPES, now=now)
    return pair


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
    if len(json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_SETTINGS_BYTES:
        raise InvalidField("settings", f"must take at most {MAX_SETTINGS_BYTES} bytes as compact JSON")
    return merged


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
    row = await _add_key(
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


async def _add_key(
    session: AsyncSession,
    tenant_id: TenantId,
    key_pair: KeyPair,
    *,
    name: str,
    scopes: frozenset[Scope],
    now: datetime,
    expires_at: datetime | None = None,
) -> ApiKey:
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


async def authenticate_key_pair(rows: RowReader, *, api_key: str, api_secret: str, now: datetime) -> Caller:
    """The caller that a key pair stands for.

    Raises:
        InvalidApiKey: No such key, not its secret, revoked or expired.
    """
    key = await queries.find_live_key(rows, api_key, now=now)
    matches = secret_matches(api_secret, key.secret_digest if key else _NO_DIGEST)
    if key is None or not matches:
        raise InvalidApiKey
    return Caller(
        tenant_id=key.tenant_id,
        identity=None,
        scopes=frozenset(Scope(scope) for scope in key.scopes),
        plan=key.plan,
        key_id=key.id,
    )


async def verify_token(token: str, *, signer: TokenSigner, issuers: ExternalIssuers) -> TokenClaims:
    """What a token says, whoever issued it. May call its issuer, so no transaction should be open.

    Raises:
        TokenExpired, InvalidToken: The token is no good.
        KeysUnavailable: Nobody can say, for the moment.
    """
    return await issuers.verify(token) if issuers.claims_one(token) else signer.verify(token)


async def authenticate_token(session: AsyncSession, claims: TokenClaims) -> Caller:
    """The caller that a verified token stands for.

    Raises:
        InvalidToken: Its tenant is gone.
    """
    found = await queries.find_active_tenant(session, claims.tenant_id)
    if found is None:
        raise InvalidToken
    return token_caller(claims, *found)


def issue_token(
    signer: TokenSigner,
    caller: Caller,
    *,
    identity: str,
    scopes: tuple[TokenScope, ...],
    lifetime: timedelta,
    now: datetime,
) -> str:
    """A token for one user of the caller's tenant.

    Raises:
        InsufficientScope: The caller is a token itself, or asks for more than it holds.
    """
    caller.require_key_pair()
    if missing := missing_for(caller, scopes):
        raise InsufficientScope(
            "A token can't do more than the key that makes it.",
            details={"missing_scopes": [scope.value for scope in missing]},
        )
    return signer.sign(TokenClaims(caller.tenant_id, identity, scopes), now=now, lifetime=lifetime)
