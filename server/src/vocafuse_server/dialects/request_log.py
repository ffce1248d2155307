"""The outermost layer of the app: request ids, one log line a request, and a bare 500 for a crash."""

import time
from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)


class RequestLog:
    """Gives every request an id and writes what came of it.

    Args:
        app: What answers.
        crash_response: Makes the answer to a request that raised.
    """

    def __init__(self, app: ASGIApp, crash_response: Callable[[Scope], Response]) -> None:
        self._app = app
        self._crash_response = crash_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{new_uuid().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:  # The request's edge: whatever it is, the client gets a bare 500.
            log.exception("request crashed", method=scope["method"], path=scope["path"])
            if status == 0:
                await self._crash_response(scope)(scope, receive, send_with_id)
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
