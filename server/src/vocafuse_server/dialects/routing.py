"""Routes that know their caller before they read anything else."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Annotated, Any, ClassVar
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Message

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.accounts.scopes import Scope
from vocafuse_server.core.errors import InvalidField, InvalidRequest, PayloadTooLarge
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.authentication import authenticate
from vocafuse_server.dialects.context import app_context

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_WITHOUT_BODY = frozenset({"GET", "DELETE"})  # One that comes all the same is not read.
MAX_JSON_BYTES = 256 * 1024
MAX_FORM_OVERHEAD_BYTES = 64 * 1024


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AuthenticatedRoute(APIRoute):
    """Authenticates and counts before the body is read, and reads no more of the body than is allowed.

    Attributes:
        pair_as_token: Whether `<api_key>:<api_secret>` does as a bearer token.
        adds_data: Whether what has a body is refused while the disk is nearly full.
    """

    pair_as_token: ClassVar[bool] = False
    adds_data: ClassVar[bool] = True

    def max_body_bytes(self, settings: Settings) -> int:
        """How large a body this route takes."""
        return MAX_JSON_BYTES

    def handler(self) -> Handler:
        """What answers a request whose caller is known."""
        return super().get_route_handler()

    def get_route_handler(self) -> Handler:
        handle = self.handler()

        async def authenticate_and_handle(request: Request) -> Response:
            context = app_context(request)
            request.state.caller = await authenticate(request, context, pair_as_token=self.pair_as_token)
            request.state.standing = standing = await context.rate_limiter.take(request.state.caller)
            if not standing.allowed:
                raise RateLimited(standing.retry_after_s)
            _check_query(request)
            if request.method in _WITHOUT_BODY:
                return await handle(request)
            if self.adds_data:
                context.disks.check()
            return await handle(_limited(request, self.max_body_bytes(context.settings)))

        return authenticate_and_handle


class DirectRoute(AuthenticatedRoute):
    """Calls a function that takes the request and the path's parameters as they are, and returns a response.

    For calls that are made all the time and do little: FastAPI's dependencies, and its check of what is
    answered, take longer than finding a row. The signature and `response_model` are for OpenAPI alone.
    """

    def handler(self) -> Handler:
        answer = self.endpoint

        async def call(request: Request) -> Response:
            response: Response = await answer(request=request, **request.path_params)
            return response

        return call


class TokenRoute(AuthenticatedRoute):
    """Makes tokens, which are kept nowhere."""

    adds_data = False


class UploadRoute(AuthenticatedRoute):
    """Takes a whole audio file with a form around it."""

    def max_body_bytes(self, settings: Settings) -> int:
        return settings.max_upload_bytes + MAX_FORM_OVERHEAD_BYTES


def allowed_methods(request: Request) -> list[str]:
    """What the request's path can be asked with; each route by itself knows of its own methods only."""
    routes: list[BaseRoute] = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _check_query(request: Request) -> None:
    """Raises unless the query string is text that names each parameter once."""
    query: bytes = request.scope["query_string"]
    if not query:
        return
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The query string is not valid UTF-8.") from error
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1:
            raise InvalidField(name[:100], "must be given only once")


def _limited(request: Request, max_bytes: int) -> Request:
    """The request, with a body that raises PayloadTooLarge as soon as it is seen to be too large."""
    check_declared_length(request, max_bytes)
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > max_bytes:
            raise PayloadTooLarge(max_bytes)
        return message

    return Request(request.scope, receive)


def check_declared_length(request: Request, max_bytes: int) -> None:
    """Raises PayloadTooLarge if the request itself says that its body is."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise PayloadTooLarge(max_bytes)


async def _room_for_note(request: Request) -> None:
    await app_context(request).backlog.check(caller_of(request).tenant_id)


# Refuses a tenant too many of whose notes wait for their transcription.
RoomForNote = Depends(_room_for_note)


async def _upload_place(request: Request) -> AsyncGenerator[None]:
    with app_context(request).upload_places.taken(caller_of(request).tenant_id):
        yield


# Holds one of the places of uploads until the route has ended.
UploadPlace = Depends(_upload_place, scope="function")


def caller_with(scope: Scope | None = None) -> Any:
    """The dependency that gives the caller, once it is known to hold `scope`."""

    async def caller(request: Request) -> Caller:
        return caller_of(request, scope)

    return Depends(caller)


def caller_of(request: Request, scope: Scope | None = None) -> Caller:
    """The caller of a request that was authenticated, once it is known to hold `scope`."""
    found: Caller = request.state.caller
    if scope is not None:
        found.require(scope)
    return found


NoteReader = Annotated[Caller, caller_with(Scope.VOICENOTES_READ)]
NoteWriter = Annotated[Caller, caller_with(Scope.VOICENOTES_WRITE)]
WebhookReader = Annotated[Caller, caller_with(Scope.WEBHOOKS_READ)]
WebhookWriter = Annotated[Caller, caller_with(Scope.WEBHOOKS_WRITE)]
AccountReader = Annotated[Caller, caller_with(Scope.ACCOUNT_READ)]
AccountWriter = Annotated[Caller, caller_with(Scope.ACCOUNT_WRITE)]
AnyCaller = Annotated[Caller, caller_with()]
