"""What can be done with accounts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.callers import Caller, missing_for, token_caller
from vocafuse_server.accounts.errors import InsufficientScope, InvalidApiKey, InvalidToken
from vocafuse_server.accounts.models import ApiKey, KeyStatus, Plan, Tenant
from vocafuse_server.accounts.scopes import KEY_SCOPES, Scope, TokenScope
from vocafuse_server.accounts.secrets import KeyPair, secret_digest, secret_matches
from vocafuse_server.accounts.tokens import TokenClaims, TokenSigner
from vocafuse_server.core.ids import ApiKeyId, TenantId, new_uuid

# Compared with when a key is unknown, so that guessing keys takes as long as guessing secrets.
_NO_DIGEST = bytes(32)


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
    session.add(
        ApiKey(
            id=ApiKeyId(new_uuid()),
            tenant_id=tenant.id,
            name="First key",
            api_key=key_pair.api_key,
            secret_digest=secret_digest(key_pair.api_secret),
            scopes=sorted(scope.value for scope in KEY_SCOPES),
            status=KeyStatus.ACTIVE,
            created_at=now,
            updated_at=now,
        )
    )
    await session.flush()
    return NewTenant(tenant.id, key_pair)


async def authenticate_key_pair(
    session: AsyncSession, *, api_key: str, api_secret: str, now: datetime
) -> Caller:
    """The caller that a key pair stands for.

    Raises:
        InvalidApiKey: No such key, not its secret, revoked or expired.
    """
    found = await queries.find_live_key(session, api_key, now=now)
    matches = secret_matches(api_secret, found.secret_digest if found else _NO_DIGEST)
    if found is None or not matches:
        raise InvalidApiKey
    return Caller(
        tenant_id=found.tenant_id,
        identity=None,
        scopes=frozenset(Scope(scope) for scope in found.scopes),
    )


async def authenticate_token(session: AsyncSession, *, signer: TokenSigner, token: str) -> Caller:
    """The caller that a token stands for.

    Raises:
        TokenExpired, InvalidToken: The token is no good, or its tenant is gone.
    """
    claims = signer.verify(token)
    if not await queries.tenant_is_active(session, claims.tenant_id):
        raise InvalidToken
    return token_caller(claims)


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
