"""The outermost layers of the app: request ids, one log line a request, its metrics, and a bare answer for a
crash."""

import asyncio
import time
from collections.abc import Callable

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vocafuse_server.core.errors import ApiError, ServiceUnavailable
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.tracing import TRACEPARENT, Describe, Tracer
from vocafuse_server.dialects.security_headers import SecurityHeaders

log = get_logger(__name__)

ErrorResponse = Callable[[Scope, ApiError], Response]

METRICS_PATH = "/metrics"
EVENTS_PATH = "/v1/events"
# What is asked all the time by those who watch, and what ends when somebody has heard enough.
_UNTRACED = frozenset({METRICS_PATH, EVENTS_PATH, "/healthz", "/readyz"})


def new_request_id() -> str:
    """A fresh id for a request."""
    return f"req_{new_uuid().hex}"


class RequestLog:
    """Gives every request an id, writes what came of it and counts it; but for scrapes of the metrics.

    Args:
        app: What answers.
        metrics: Where it is counted.
        security_headers: Added to every answer, since nothing is outside this layer.
        tracer: Where it is traced, if anywhere.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        security_headers: SecurityHeaders,
        tracer: Tracer | None = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._security_headers = security_headers
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        if self._tracer is None or scope["path"] in _UNTRACED:
            await self._answer(scope, receive, send)
        else:
            parent = Headers(scope=scope).get(TRACEPARENT)
            with self._tracer.span(scope["method"], "SERVER", parent=parent) as describe:
                status = await self._answer(scope, receive, send)
                _describe(describe, scope, status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer, and say with which status; 0 for none."""
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status, begun_s = 0, 0.0

        async def send_with_id(message: Message) -> None:
            nonlocal status, begun_s
            if message["type"] == "http.response.start":
                status, begun_s = message["status"], time.perf_counter() - started
                headers = message["headers"]
                secured = self._security_headers.missing_from(headers, scheme=scope["scheme"])
                message["headers"] = [*headers, (b"x-request-id", request_id.encode()), *secured]
            await send(message)

        await self._app(scope, receive, send_with_id)
        if scope["path"] == METRICS_PATH:
            return status
        duration_s = time.perf_counter() - started
        route = scope.get("route")
        self._metrics.request_answered(
            method=scope["method"],
            route=route.path if isinstance(route, Route) else None,
            status=status,
            # A stream ends when somebody has heard enough; how long it takes to begin is ours.
            duration_s=begun_s if scope["path"] == EVENTS_PATH else duration_s,
        )
        log.info(
            "request",
            method=scope["method"],
            path=scope["path"],
            status=status,
            duration_ms=round(duration_s * 1000, 1),
            **_note_of(scope),
        )
        return status


def _note_of(scope: Scope) -> dict[str, str]:
    """The note that a request is about, if its path names one."""
    note_id = scope.get("path_params", {}).get("note_id")
    return {} if note_id is None else {"note_id": note_id}


def _describe(describe: Describe, scope: Scope, status: int) -> None:
    route = scope.get("route")
    known = {"http__route": route.path} if isinstance(route, Route) else {}
    describe(
        f"{scope['method']} {route.path}" if isinstance(route, Route) else None,
        http__request__method=scope["method"],
        http__response__status_code=status,
        url__path=scope["path"],
        request_id=scope["state"]["request_id"],
        **known,
    )


class CrashAnswer:
    """Answers a request that raised with a bare 500; what it raised is in the log alone.

    Inside the layer that adds CORS headers, so that browsers can read this answer too.

    Args:
        app: What may crash.
        respond: Makes the answer to an error.
    """

    def __init__(self, app: ASGIApp, respond: ErrorResponse) -> None:
        self._app = app
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:  # The request's edge: whatever it is, the client gets a bare 500.
            log.exception("request crashed", method=scope.get("method"), path=scope.get("path"))
            answer = ApiError()
        except asyncio.CancelledError:  # The server stops and has waited long enough.
            answer = ServiceUnavailable("The server is stopping. Try again in a moment.")
        else:
            return
        if not started:
            await self._respond(scope, answer)(scope, receive, send)
