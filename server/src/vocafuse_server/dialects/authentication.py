"""Who sends a request: a key pair in two headers, or a bearer token."""

import structlog
from fastapi import Request

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import InvalidApiKey, InvalidToken
from vocafuse_server.accounts.service import authenticate_key_pair, authenticate_token
from vocafuse_server.dialects.context import AppContext

API_KEY_HEADER = "X-VocaFuse-API-Key"
API_SECRET_HEADER = "X-VocaFuse-API-Secret"  # noqa: S105 - a header's name


async def authenticate(request: Request, context: AppContext) -> Caller:
    """The caller, by the credentials in the headers; a key pair goes before a token.

    Raises:
        InvalidApiKey, InvalidToken, TokenExpired: There are none, or they are no good.
    """
    api_key = request.headers.get(API_KEY_HEADER)
    api_secret = request.headers.get(API_SECRET_HEADER)
    authorization = request.headers.get("Authorization")
    if api_key is None and api_secret is None and authorization is None:
        raise InvalidApiKey("No API key and secret, and no access token, came with the request.")
    async with context.database.reading() as session:
        if api_key is not None or api_secret is not None:
            caller = await authenticate_key_pair(
                session, api_key=api_key or "", api_secret=api_secret or "", now=context.clock()
            )
        else:
            token = _bearer_token(authorization or "")
            caller = await authenticate_token(session, signer=context.token_signer, token=token)
    if caller.key_id is not None:
        context.key_usage.record(caller.key_id, now=context.clock())
    structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
    return caller


def _bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken
    return token.strip()
