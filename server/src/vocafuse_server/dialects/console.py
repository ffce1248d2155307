"""The console: a page at `/`, what it is made of, and signing in to it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from vocafuse_server.accounts import sessions
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import InsufficientScope
from vocafuse_server.core.ids import ApiKeyId
from vocafuse_server.dialects.authentication import session_token
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.routing import AnyCaller, AuthenticatedRoute
from vocafuse_server.dialects.web_files import WebFiles

# A link in the repository, a folder in a wheel.
FOLDER = Path(__file__).parents[1] / "console"
SESSION_PATH = "/console/session"
# wavesurfer.js brings the style of its shadow tree within the script; nothing else in a page may.
WAVEFORM_STYLE = "'sha256-XGW/cX2BkTPWNNT3NdyASrPEWZfPnKdPJaJ2aN7R+v8='"
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {WAVEFORM_STYLE}",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class SessionData(BaseModel):
    """Named as the answer of the token endpoint is, because the recorder asks here for its token."""

    id_token: str
    expires_in: int
    tenant_id: str
    scopes: list[str]


class SessionBody(BaseModel):
    success: bool = True
    data: SessionData


class SignedIn(BaseModel):
    """What a link gives; the page then asks for the rest as somebody who is signed in."""

    id_token: str


def console_router() -> APIRouter:
    """The page, its files and its sessions; none of it is part of the API that others use."""
    router = APIRouter(include_in_schema=False)
    router.add_api_route(SESSION_PATH, sign_in, methods=["POST"], route_class_override=AuthenticatedRoute)
    router.add_api_route(SESSION_PATH, sign_out, methods=["DELETE"], route_class_override=AuthenticatedRoute)
    router.add_api_route(f"{SESSION_PATH}/link", sign_in_by_link, methods=["POST"])
    paths = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".ts"]
    files = WebFiles(FOLDER, paths, _HEADERS)

    async def page(request: Request) -> Response:
        return await files.get("index.html", request)

    router.add_api_route("/", page, methods=["GET", "HEAD"])
    router.add_api_route("/console/{name:path}", files.get, methods=["GET", "HEAD"])
    return router


async def sign_in(request: Request, session: Session, context: Context, caller: AnyCaller) -> SessionBody:
    """Begin a session with a key pair, or go on with the one that the request comes with."""
    now = context.clock()
    known = session_token(request)
    if known is not None:
        return _body(await sessions.extend(session, known, now=now), caller, now=now)
    return _body(await sessions.begin(session, _key_of(caller), now=now), caller, now=now)


async def sign_out(request: Request, session: Session, caller: AnyCaller) -> Response:
    """End the session that the request comes with."""
    known = session_token(request)
    if known is not None:
        await sessions.end(session, known)
    return Response(status_code=204)


async def sign_in_by_link(
    session: Session, context: Context, code: Annotated[str, Header(alias="X-Sign-In-Code", max_length=64)]
) -> SignedIn:
    """Begin a session with a link's code, which is good for one."""
    opened = await sessions.follow_link(session, code, now=context.clock())
    return SignedIn(id_token=opened.token)


def _key_of(caller: Caller) -> ApiKeyId:
    caller.require_key_pair()
    if caller.key_id is None:
        raise InsufficientScope
    return caller.key_id


def _body(opened: sessions.OpenSession, caller: Caller, *, now: datetime) -> SessionBody:
    data = SessionData(
        id_token=opened.token,
        expires_in=int((opened.expires_at - now).total_seconds()),
        tenant_id=str(caller.tenant_id),
        scopes=sorted(caller.scopes),
    )
    return SessionBody(data=data)
