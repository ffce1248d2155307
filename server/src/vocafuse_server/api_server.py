"""Serving the app: one uvicorn server in this process."""

import asyncio
import resource
import socket
from http import HTTPStatus
from typing import cast

import uvicorn
from fastapi import FastAPI

from vocafuse_server.app import create_app, respond
from vocafuse_server.core.errors import ApiError, ServiceUnavailable
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.context import AppContext
from vocafuse_server.dialects.unreadable import HeadTooLarge, NoHttp, refuse_unreadable
from vocafuse_server.slow_clients import PatientHttp
from vocafuse_server.supervised import SupervisorLink

log = get_logger(__name__)

MAX_HEAD_BYTES = 64 * 1024
_KEEP_ALIVE_S = 5
# So many above the limit are told that there are too many, and more are cut off.
_TURNED_AWAY = 100


class BoundedHttp(PatientHttp):
    """The HTTP protocol with limits on connections and on the head of a request, which the parser itself
    does not have.

    What it can't read it answers as the app answers what it can.
    """

    _head_bytes = 0
    _body_came = False
    url = b""  # Of the request that is being read.

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.settings.connections + _TURNED_AWAY:
            transport.abort()
        elif len(self.connections) > self.settings.connections:
            self.refuse(ServiceUnavailable("Too many connections are open. Try again in a moment."))

    def data_received(self, data: bytes) -> None:
        self._body_came = False
        super().data_received(data)
        # What follows a body, and what is written between its chunks, is as good as a head without end.
        self._head_bytes = 0 if self._body_came else self._head_bytes + len(data)
        if self._head_bytes > MAX_HEAD_BYTES and not self.is_parting:
            self.refuse(HeadTooLarge(MAX_HEAD_BYTES))

    def send_400_response(self, msg: str) -> None:
        self.refuse(NoHttp())

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        super().on_message_begin()
        self.scope.setdefault("state", {})["hang_up"] = self.transport.abort

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def refuse(self, error: ApiError) -> None:
        """Answer what could not be read, and part."""
        if self.transport.is_closing():
            return
        self.is_parting = True
        if self.cycle and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:  # Two answers must not run into each other.
                self.transport.close()
                self.watch_writing()
                return
        context: AppContext = cast("FastAPI", self.config.app).state.context
        response = refuse_unreadable(
            context, respond, address=self.client[0] if self.client else None, target=self.url, error=error
        )
        lines = [f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self.transport.write(b"\r\n".join([*lines, b"connection: close", b"", bytes(response.body)]))
        self.part()


class ApiServer(uvicorn.Server):
    """Says so when it is ready, if somebody wants to know, and ends the streams when it stops."""

    def __init__(self, config: uvicorn.Config, link: SupervisorLink | None = None) -> None:
        super().__init__(config)
        self._link = link

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._link is not None and self.started:
            self._link.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("API stopping")
        context: AppContext = cast("FastAPI", self.config.app).state.context
        context.feed.end()
        await super().shutdown(sockets)


def within_open_files(settings: Settings) -> Settings:
    """The settings, with no more connections than this process may open files, and half of those left for
    what connections lead to. The limit is raised as far as it goes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return settings
    return settings.model_copy(update={"connections": min(settings.connections, hard // 2)})


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the app."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=round(settings.stop_seconds),
        http=BoundedHttp,
        # A request to upgrade is answered as the plain request it is as well.
        ws="none",
    )


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
    settings = within_open_files(settings)
    config = server_config(create_app(settings, database_url), settings)
    server = ApiServer(config, link)

    def stop() -> None:
        server.should_exit = True

    watching = asyncio.create_task(link.on_loss(stop)) if link else None
    await server.serve(sockets=[listener] if listener else None)
    if watching is not None:
        watching.cancel()
