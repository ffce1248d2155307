"""Credentials: whom they stand for, and tokens handed out to those who hold a key pair."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import queries
from vocafuse_server.accounts.callers import Caller, key_caller, missing_for, token_caller
from vocafuse_server.accounts.errors import InsufficientScope, InvalidApiKey, InvalidToken
from vocafuse_server.accounts.issuers import ExternalIssuers
from vocafuse_server.accounts.scopes import TokenScope
from vocafuse_server.accounts.secrets import secret_matches
from vocafuse_server.accounts.tokens import TokenClaims, TokenSigner
from vocafuse_server.core.reading import RowReader

# Compared with when a key is unknown, so that guessing keys takes as long as guessing secrets.
_NO_DIGEST = bytes(32)


async def authenticate_key_pair(rows: RowReader, *, api_key: str, api_secret: str, now: datetime) -> Caller:
    """The caller that a key pair stands for.

    Raises:
        InvalidApiKey: No such key, not its secret, revoked or expired.
    """
    key = await queries.find_live_key(rows, api_key, now=now)
    matches = secret_matches(api_secret, key.secret_digest if key else _NO_DIGEST)
    if key is None or not matches:
        raise InvalidApiKey
    return key_caller(key)


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
