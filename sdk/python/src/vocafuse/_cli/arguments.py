"""What several commands take, and what their help ends with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

# Ten minutes of audio, the most that is accepted, on a slow machine without a GPU.
WAIT_TIMEOUT_S = 900

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
NoteId = Annotated[str, typer.Argument(metavar="ID", help="The note's id.")]
NoteIds = Annotated[list[str], typer.Argument(metavar="ID...", help="The notes' ids.")]
Limit = Annotated[int | None, typer.Option(help="How many to show, 1 to 100; else 50.")]
PageNumber = Annotated[int | None, typer.Option("--page", help="Number of the page, from 0.")]
Language = Annotated[str | None, typer.Option(help="What is spoken, such as en.")]
Pairs = Annotated[list[str] | None, typer.Option("--tag", metavar="KEY=VALUE", help="May be repeated.")]
UserId = Annotated[str | None, typer.Option(help="The end user the notes belong to.")]
Status = Annotated[str | None, typer.Option(help="processing, transcribed (or completed) or failed.")]


def files(incomplete: str) -> list[str]:
    """Completes a path: with no words of ours, for then shells offer the names of files."""
    return []


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def split_pairs(texts: Iterable[str] | None) -> dict[str, str] | None:
    """Tags by their keys; None for none."""
    return dict(_split(text) for text in texts or ()) or None


def split_commas(text: str | None) -> list[str] | None:
    """What is between commas; an empty text is an empty list."""
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def _split(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE.", param_hint="--tag")
    return key, value
