"""Printing: results to stdout, plain when it is not a terminal; everything else to stderr."""

from __future__ import annotations

import json
import shlex
import sys
import unicodedata
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from vocafuse._models import Transcription, VoiceNote
    from vocafuse._pages import Page

LIST_FIELDS = ("id", "status", "duration_seconds", "created_at", "original_filename")
LIST_TITLES = ("ID", "STATUS", "SECONDS", "CREATED (UTC)", "FILE")

# What a person wants to see of a note; `--json` and a pipe get all of it.
SHOWN_FIELDS = frozenset(
    {"id", "status", "duration_seconds", "language", "created_at", "original_filename", "user_id"}
    | {"audio_format", "custom_tags", "failure"}
)


def print_text(text: str) -> None:
    """A transcript, which keeps its line breaks."""
    sys.stdout.write("\n".join(map(one_line, text.splitlines())) + "\n")


def print_json(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=sys.stdout.encoding.lower() != "utf-8") + "\n")


def print_error(message: str) -> None:
    sys.stderr.write(f"vocafuse: {one_line(message)}\n")


def print_upload(note: VoiceNote, *, as_json: bool) -> None:
    if as_json:
        print_json(note.to_dict())
    elif sys.stdout.isatty():
        print_text(f"Uploaded as {note.id}. Its transcript:\n  {shlex.quote(sys.argv[0])} get {note.id}")
    else:
        print_text(note.id)


def print_notes(notes: Page[VoiceNote]) -> None:
    rows = [[one_line(note.get(name)) for name in LIST_FIELDS] for note in notes]
    if not sys.stdout.isatty():
        _print_tab_separated(rows)
        return
    table = Table(*LIST_TITLES, box=None, padding=(0, 2, 0, 0))
    for identifier, *row in rows:
        # As Text, for rich would read markup in a file's name. An id cut short could not be copied.
        table.add_row(
            Text(identifier, no_wrap=True), *(Text(cell, overflow="ellipsis", no_wrap=True) for cell in row)
        )
    Console().print(table)
    if len(notes) < notes.total:
        Console().print(f"{len(notes)} of {notes.total}", style="dim")


def print_note(note: VoiceNote, transcription: Transcription | None) -> None:
    rows = [[name, one_line(value)] for name, value in note.items() if value is not None]
    rows += [] if transcription is None else [["language", one_line(transcription.get("language"))]]
    if not sys.stdout.isatty():
        text = [] if transcription is None else [["transcription", one_line(transcription.text)]]
        _print_tab_separated(rows + text)
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        if name in SHOWN_FIELDS:
            grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    Console().print(grid)
    if transcription is not None:
        print_transcript(transcription)


def print_transcript(transcription: Transcription) -> None:
    """The text; where a person looks, an empty one is explained."""
    if not transcription.text and sys.stderr.isatty():
        sys.stderr.write("(nobody speaks)\n")
    print_text(transcription.text)


@contextmanager
def upload_progress(name: str) -> Generator[Callable[[int, int], object] | None, None, None]:
    """A progress bar, whose callback is None where nobody would see it."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(one_line(name), total=None)
        yield lambda sent, total: progress.update(bar, completed=sent, total=total)


def spinner(text: str) -> AbstractContextManager[object]:
    """Shows that something is going on, where somebody would see it."""
    if not sys.stderr.isatty():
        return nullcontext()
    return Console(stderr=True).status(Text(one_line(text)))


def one_line(value: object) -> str:
    """A value in one line, without the control characters that could steer a terminal."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)


def _print_tab_separated(rows: Iterable[Iterable[str]]) -> None:
    sys.stdout.writelines("\t".join(row) + "\n" for row in rows)
