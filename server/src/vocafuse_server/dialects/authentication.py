"""Who sends a request: a key pair in two headers, or a bearer token."""

import structlog
from fastapi import Request

from vocafuse_server.accounts.authenticating import authenticate_key_pair, authenticate_token, verify_token
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import InvalidApiKey, InvalidToken
from vocafuse_server.accounts.secrets import KeyPair
from vocafuse_server.accounts.sessions import authenticate_session, is_session_token
from vocafuse_server.dialects.context import AppContext

API_KEY_HEADER = "X-VocaFuse-API-Key"
API_SECRET_HEADER = "X-VocaFuse-API-Secret"  # noqa: S105 - a header's name


async def authenticate(request: Request, context: AppContext, *, pair_as_token: bool = False) -> Caller:
    """The caller, by the credentials in the headers; a key pair goes before a token.

    Args:
        pair_as_token: Whether `<api_key>:<api_secret>` does as a bearer token.

    Raises:
        InvalidApiKey, InvalidToken, TokenExpired: There are none, or they are no good.
        KeysUnavailable: Nobody can say, for the moment.
    """
    caller = await identify(request, context, pair_as_token=pair_as_token)
    if caller.key_id is not None:
        context.key_usage.record(caller.key_id, now=context.clock())
    structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
    return caller


async def identify(request: Request, context: AppContext, *, pair_as_token: bool = False) -> Caller:
    """As `authenticate`, but nothing is made of it: to see whether credentials are still good."""
    credentials = _credentials(request, pair_as_token=pair_as_token)
    if isinstance(credentials, KeyPair):
        return await _key_caller(credentials, context)
    return await _token_caller(credentials, context)


def _credentials(request: Request, *, pair_as_token: bool) -> KeyPair | str:
    """The key pair or the token that came with the request."""
    api_key = request.headers.get(API_KEY_HEADER)
    api_secret = request.headers.get(API_SECRET_HEADER)
    if api_key is not None or api_secret is not None:
        return KeyPair(api_key or "", api_secret or "")
    authorization = request.headers.get("Authorization")
    if authorization is None:
        raise InvalidApiKey("No API key and secret, and no access token, came with the request.")
    token = _bearer_token(authorization)
    api_key, colon, api_secret = token.partition(":")  # No JWT holds one.
    return KeyPair(api_key, api_secret) if pair_as_token and colon else token


async def _key_caller(key_pair: KeyPair, context: AppContext) -> Caller:
    return await authenticate_key_pair(
        context.database.rows,
        api_key=key_pair.api_key,
        api_secret=key_pair.api_secret,
        now=context.clock(),
    )


def session_token(request: Request) -> str | None:
    """The token of the console's session that an authenticated request came with; None for other callers."""
    credentials = _credentials(request, pair_as_token=False)
    return credentials if isinstance(credentials, str) and is_session_token(credentials) else None


async def _token_caller(token: str, context: AppContext) -> Caller:
    if is_session_token(token):
        return await authenticate_session(context.database.rows, token, now=context.clock())
    claims = await verify_token(token, signer=context.token_signer, issuers=context.issuers)
    async with context.database.reading() as session:
        return await authenticate_token(session, claims)


def _bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()
