"""Serving the app: one uvicorn server in this process."""

import asyncio
import socket

import uvicorn

from vocafuse_server.app import create_app
from vocafuse_server.core.settings import Settings
from vocafuse_server.supervised import SupervisorLink

_DRAIN_S = 10


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
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config, link)

    def stop() -> None:
        server.should_exit = True

    watching = asyncio.create_task(link.on_loss(stop)) if link else None
    await server.serve(sockets=[listener] if listener else None)
    if watching is not None:
        watching.cancel()
