"""v1's API keys: create, list, get, revoke."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from vocafuse_server.accounts import api_keys, queries
from vocafuse_server.accounts.models import KeyStatus
from vocafuse_server.accounts.scopes import parse_key_scopes
from vocafuse_server.core.ids import ApiKeyId, parse_id
from vocafuse_server.core.pages import DEFAULT_LIMIT, PageRequest
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import PageLimit
from vocafuse_server.dialects.routing import AccountReader, AccountWriter, AuthenticatedRoute
from vocafuse_server.dialects.v1.account_schemas import (
    API_KEYS_PATH,
    ApiKeyBody,
    ApiKeyCreated,
    ApiKeyRequest,
    api_key_body,
    api_key_created,
)
from vocafuse_server.dialects.v1.fields import PageNumber, parse_from
from vocafuse_server.dialects.v1.pages import page_body, page_model
from vocafuse_server.dialects.v1.responses import errors

DEFAULT_NAME = "API key"
router = APIRouter(prefix=API_KEYS_PATH, route_class=AuthenticatedRoute, tags=["account"])


@router.post("", status_code=201, responses=errors(401, 403, 413))
async def create_api_key(
    body: ApiKeyRequest, session: Session, context: Context, caller: AccountWriter
) -> ApiKeyCreated:
    """Make a key pair. The answer holds the key and its secret, this once."""
    made = await api_keys.create_key(
        session,
        caller,
        name=body.name or DEFAULT_NAME,
        scopes=caller.scopes if body.scopes is None else parse_key_scopes(body.scopes),
        expires_at=None if body.expires_at is None else parse_from("expires_at", body.expires_at),
        now=context.clock(),
    )
    return api_key_created(made, now=context.clock())


@router.get("", response_model=page_model("ApiKeyPage", "api_keys", ApiKeyBody), responses=errors(401, 403))
async def list_api_keys(
    session: Session,
    context: Context,
    caller: AccountReader,
    page: PageNumber = 0,
    limit: PageLimit = DEFAULT_LIMIT,
    status: Annotated[
        KeyStatus | None, Query(description="Revoked keys are listed under this status only")
    ] = None,
) -> dict[str, object]:
    """List the API keys, newest first; of the key itself its first characters are shown."""
    now = context.clock()
    found = await queries.list_keys(
        session, caller.tenant_id, status=status, now=now, page=PageRequest(page, limit)
    )
    return page_body(
        found,
        collection="api_keys",
        items=[api_key_body(key, now=now) for key in found.items],
        path=API_KEYS_PATH,
        filters={"status": status},
    )


@router.get("/{api_key_id}", responses=errors(401, 403, 404))
async def get_api_key(
    api_key_id: str, session: Session, context: Context, caller: AccountReader
) -> ApiKeyBody:
    """Get one API key."""
    found = await api_keys.get_key(session, caller.tenant_id, parse_id(ApiKeyId, api_key_id))
    return api_key_body(found, now=context.clock())


@router.delete("/{api_key_id}", status_code=204, responses=errors(401, 403, 404, 409))
async def revoke_api_key(
    api_key_id: str, session: Session, context: Context, caller: AccountWriter
) -> Response:
    """Revoke an API key, for good. The one that this request comes with can't be revoked by it."""
    await api_keys.revoke_key(session, caller, parse_id(ApiKeyId, api_key_id), now=context.clock())
    return Response(status_code=204)
