"""`POST /v1/token`: what a customer's backend asks for its front end."""

from datetime import timedelta

from fastapi import APIRouter

from vocafuse_server.accounts.authenticating import issue_token
from vocafuse_server.accounts.scopes import TOKEN_SCOPES, parse_token_scopes
from vocafuse_server.core.errors import InvalidField, MissingField
from vocafuse_server.dialects.context import Context
from vocafuse_server.dialects.routing import AnyCaller, TokenRoute
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.schemas import TokenData, TokenRequest, TokenResponse

DEFAULT_EXPIRES_IN = 3600
router = APIRouter(route_class=TokenRoute, tags=["tokens"])


@router.post("/v1/token", responses=errors(401, 403, 413))
async def create_token(body: TokenRequest, caller: AnyCaller, context: Context) -> TokenResponse:
    """Make an access token that lets one user's browser or phone upload and read its own notes."""
    caller.require_key_pair()
    identity = body.user_id or body.identity
    if identity is None:
        raise MissingField("user_id")
    scopes = TOKEN_SCOPES if body.scopes is None else parse_token_scopes(body.scopes)
    if not scopes:
        raise InvalidField("scopes", "must name at least one scope")
    expires_in = DEFAULT_EXPIRES_IN if body.expires_in is None else body.expires_in
    token = issue_token(
        context.token_signer,
        caller,
        identity=identity,
        scopes=scopes,
        lifetime=timedelta(seconds=expires_in),
        now=context.clock(),
    )
    data = TokenData(
        jwt_token=token,
        id_token=token,
        token_type="Bearer",  # noqa: S106 - the scheme's name
        expires_in=expires_in,
        tenant_id=str(caller.tenant_id),
        scopes=[scope.value for scope in scopes],
    )
    return TokenResponse(success=True, token=token, message="Token generated successfully", data=data)
