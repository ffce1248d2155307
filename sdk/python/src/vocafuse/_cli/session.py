"""The client of one command, and how what goes wrong is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from vocafuse._cli import printing
from vocafuse._client import Client
from vocafuse._errors import VocaFuseError


@dataclass(frozen=True)
class Shared:
    """What is said before the command's name."""

    base_url: str | None


def base_url_of(context: typer.Context) -> str | None:
    """The address that was given, if one was."""
    shared: Shared = context.obj
    return shared.base_url


@contextmanager
def open_client(context: typer.Context) -> Generator[Client, None, None]:
    """A client for one command; what goes wrong becomes one sentence and exit status 1."""
    try:
        with Client(base_url=base_url_of(context)) as client:
            yield client
    except BrokenPipeError:
        # Whoever reads what is printed has had enough; Typer ends without a word.
        raise
    except (VocaFuseError, OSError) as error:
        printing.print_error(reason_of(error))
        raise typer.Exit(1) from None


def reason_of(error: VocaFuseError | OSError) -> str:
    """What went wrong, in one sentence."""
    if isinstance(error, VocaFuseError):
        return error.message
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}"
