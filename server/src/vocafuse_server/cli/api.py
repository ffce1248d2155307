"""`vocafuse-server api`: one API process."""

import socket
from typing import Annotated

import typer
import uvloop

from vocafuse_server.api_server import serve_api
from vocafuse_server.cli.conventions import command_settings, examples, plain
from vocafuse_server.cli.processes import SupervisorFd, database_url_of, link_to

command = plain()


@command.command(epilog=examples("VOCAFUSE_DATABASE_URL=postgresql://… vocafuse-server api"))
def api(
    supervisor_fd: SupervisorFd = None, socket_fd: Annotated[int | None, typer.Option(hidden=True)] = None
) -> None:
    """Run one API process, for a fleet. Needs VOCAFUSE_DATABASE_URL."""
    settings = command_settings()
    link = link_to(supervisor_fd)
    listener = None if socket_fd is None else socket.socket(fileno=socket_fd)
    uvloop.run(serve_api(settings, database_url_of(settings), link=link, listener=listener))
