"""What the commands of a fleet's processes share: their database, and their supervisor if they have one."""

from typing import Annotated

import typer

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings
from vocafuse_server.supervised import SupervisorLink

SupervisorFd = Annotated[int | None, typer.Option(hidden=True)]
"""The descriptor of the socket that a supervisor and its child share."""


def link_to(supervisor_fd: int | None) -> SupervisorLink | None:
    """The link to the supervisor that started this process, if one did."""
    return None if supervisor_fd is None else SupervisorLink(supervisor_fd)


def database_url_of(settings: Settings) -> str:
    """Where the operator's database is.

    Raises:
        StartupError: The settings name none.
    """
    if settings.database_url is None:
        raise StartupError(
            "VOCAFUSE_DATABASE_URL is not set: only `vocafuse-server up` brings a database of its own."
        )
    return settings.database_url.get_secret_value()
