"""The client of one command, and how what goes wrong is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from vocafuse._cli import printing
from vocafuse._client import Client
from vocafuse._errors import ConflictError, NotFoundError, ServerError, ValidationError, VocaFuseError


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
    """A client for one command; what goes wrong is told, and becomes exit status 1."""
    try:
        with Client(base_url=base_url_of(context)) as client:
            yield client
    except BrokenPipeError:
        # Whoever reads what is printed has had enough; Typer ends without a word.
        raise
    except (VocaFuseError, OSError) as error:
        _tell(context, error)
        raise typer.Exit(1) from None


class OneByOne:
    """Does the same with several things: what can't be done with one of them stops none of the others."""

    def __init__(self, context: typer.Context, ids: list[str]) -> None:
        self._context = context
        self._are_several = len(ids) > 1
        self._has_failed = False

    @contextmanager
    def one(self, thing_id: str) -> Generator[None, None, None]:
        """While something is done with one thing. What is wrong with all of them ends the command."""
        try:
            yield
        except (ConflictError, NotFoundError, ValidationError) as error:
            self._has_failed = True
            _tell(self._context, error, about=thing_id if self._are_several else None)

    def end(self) -> None:
        """Exit status 1 if something failed."""
        if self._has_failed:
            raise typer.Exit(1)


def reason_of(error: VocaFuseError | OSError) -> str:
    """What went wrong, in one sentence; a fault of the server with the name that its log has for it."""
    if isinstance(error, ServerError) and error.request_id:
        return f"{error.message} (request {error.request_id})"
    if isinstance(error, VocaFuseError):
        return error.message
    name = f"{error.filename}: " if error.filename else ""
    return f"{name}{error.strerror or error}"


def _tell(context: typer.Context, error: VocaFuseError | OSError, *, about: str | None = None) -> None:
    if not context.params.get("as_json"):
        printing.print_error(reason_of(error) if about is None else f"{about}: {reason_of(error)}")
        return
    told: dict[str, Any] = {"type": type(error).__name__, "message": reason_of(error)}
    if isinstance(error, VocaFuseError):
        told |= {name: getattr(error, name) for name in ("message", "status_code", "code", "details")}
        told["request_id"] = error.request_id
    if about is not None:
        told["id"] = about
    printing.print_json_error(told)
