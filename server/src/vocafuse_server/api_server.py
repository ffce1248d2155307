"""Serving the app: one uvicorn server in this process."""

import asyncio
import json
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vocafuse_server.app import create_app
from vocafuse_server.core.errors import InvalidRequest
from vocafuse_server.core.settings import Settings
from vocafuse_server.supervised import SupervisorLink

_DRAIN_S = 10
MAX_HEAD_BYTES = 64 * 1024
_BODY = json.dumps(
    {
        "error": {
            "code": InvalidRequest.code,
            "name": InvalidRequest.name,
            "type": InvalidRequest.type,
            "message": "The request's line and headers are too large.",
            "details": {"max_bytes": MAX_HEAD_BYTES},
            "request_id": None,
        }
    }
).encode()
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: " + str(len(_BODY)).encode() + b"\r\n\r\n" + _BODY
)


class BoundedHttp(HttpToolsProtocol):
    """The HTTP protocol with a limit on the head of a request, which the parser itself does not have."""

    _head_bytes = 0
    _in_head = True

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._head_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()


class _Server(uvicorn.Server):
    """Says so when it is ready, if somebody wants to know."""

    def __init__(self, config: uvicorn.Config, link: SupervisorLink | None) -> None:
        super().__init__(config)
        self._link = link

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._link is not None and self.started:
            self._link.ready()


async def serve_api(
    settings: Settings,
    database_url: str,
    *,
    link: SupervisorLink | None = None,
    listener: socket.socket | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT; open requests are answered first.

    Args:
        listener: A socket that listens already; else one is made for the settings' host and port.
    """
    config = uvicorn.Config(
        create_app(settings, database_url),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
        http=BoundedHttp,
    )
    server = _Server(config, link)

    def stop() -> None:
        server.should_exit = True

    watching = asyncio.create_task(link.on_loss(stop)) if link else None
    await server.serve(sockets=[listener] if listener else None)
    if watching is not None:
        watching.cancel()
