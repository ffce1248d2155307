"""Printing: results to stdout, plain when it is not a terminal; everything else to stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_text(text: str) -> None:
    """A transcript, or subtitles, which keep their line breaks."""
    _write("\n".join(map(one_line, text.rstrip("\n").splitlines())))


def print_json(value: object, *, indent: int | None = 2) -> None:
    _write(json.dumps(value, indent=indent, ensure_ascii=sys.stdout.encoding.lower() != "utf-8"))


def print_error(message: str) -> None:
    sys.stderr.write(f"vocafuse: {one_line(message)}\n")


def print_json_error(error: Mapping[str, object]) -> None:
    """In one line, as a log wants it."""
    sys.stderr.write(json.dumps({"error": error}, default=str) + "\n")


def print_line(*cells: object) -> None:
    """One line with tabs between."""
    _write("\t".join(map(one_line, cells)))


def _write(lines: str) -> None:
    """At once, so that what can't be written is known while something can be said about it."""
    sys.stdout.write(f"{lines}\n")
    sys.stdout.flush()


def write_bytes(content: bytes, output: Path | None) -> None:
    """Into a file, or to standard output."""
    if output is not None:
        output.write_bytes(content)
        return
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def hint(text: str) -> None:
    """What a person may want to do next; programs are not told."""
    if is_terminal():
        Console(stderr=True, soft_wrap=True).print(Text(text, style="dim"))


def print_rows(titles: Sequence[str], rows: Iterable[Sequence[object]], *, total: int | None = None) -> None:
    """A row for each thing. For a person with titles, and with how many there are if these are not all.

    Cells may be rich's own Text; of others nothing is taken for markup.
    """
    if not is_terminal():
        for row in rows:
            print_line(*row)
        return
    known = [[_cell(cell) for cell in row] for row in rows]
    table = Table(box=None, padding=(0, 2, 0, 0))
    # An id cut short could not be copied, so where it is narrow the other columns give way.
    table.add_column(titles[0], no_wrap=True, min_width=max((row[0].cell_len for row in known), default=0))
    for title in titles[1:]:
        table.add_column(title)
    for row in known:
        table.add_row(*row)
    Console().print(table)
    if total is not None and len(known) < total:
        Console().print(f"{len(known)} of {total}", style="dim")


def print_fields(fields: Mapping[str, object], *, shown: Iterable[str] | None = None) -> None:
    """One thing, a line for each field that has a value; a person sees those that are `shown`."""
    rows = [(name, one_line(value)) for name, value in fields.items() if value is not None]
    if not is_terminal():
        for row in rows:
            print_line(*row)
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        if shown is None or name in shown:
            grid.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    Console().print(grid)


def print_transcript(text: str) -> None:
    """The text; where a person looks, an empty one is explained."""
    if not text and sys.stderr.isatty():
        sys.stderr.write("(nobody speaks)\n")
    print_text(text)


def spinner(text: str) -> AbstractContextManager[object]:
    """Shows that something is going on, where somebody would see it."""
    if not sys.stderr.isatty():
        return nullcontext()
    return Console(stderr=True).status(Text(one_line(text)))


def one_line(value: object) -> str:
    """A value in one line, without the control characters that could steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, Text):
        value = value.plain
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)


def _cell(value: object) -> Text:
    text = value if isinstance(value, Text) else Text(one_line(value))
    text.overflow, text.no_wrap = "ellipsis", True
    return text
