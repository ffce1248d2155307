"""What all commands share: their settings, how they print, what their help ends with.

Data goes to standard output: a table on a terminal, tab-separated when it is piped, JSON if asked for. What
is said about the work goes to standard error.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.settings import Settings, load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def command_settings() -> Settings:
    """The settings, and logs as they say.

    Raises:
        StartupError: A setting has an unusable value.
    """
    settings = load_settings()
    configure_logging(settings)
    return settings


def plain(help: str | None = None) -> typer.Typer:
    """A command, or with a `help` of its own a group of them, that speaks plain text: it is read in pipes."""
    return typer.Typer(
        help=help, no_args_is_help=help is not None, add_completion=False, rich_markup_mode=None
    )


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(value: object) -> None:
    """In one line for programs, indented for a person."""
    typer.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def print_rows(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A row for each thing; titles are for people only."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        typer.echo("".join("\t".join(row) + "\n" for row in cells), nl=False)
        return
    table = Table(*titles, box=None, padding=(0, 2, 0, 0))
    for row in cells:
        # As Text, for rich would read markup in what somebody typed.
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    Console().print(table)


def print_fields(fields: Mapping[str, object], *, as_json: bool) -> None:
    """One thing, a line for each of its fields."""
    if as_json:
        print_json(fields)
    else:
        separator = "  " if sys.stdout.isatty() else "\t"
        width = max(map(len, fields)) if sys.stdout.isatty() else 0
        typer.echo("\n".join(f"{name:{width}}{separator}{one_line(value)}" for name, value in fields.items()))


def tell(line: str) -> None:
    """Say what was done, where it is in nobody's way."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(line, markup=False)


def tell_error(error: Exception) -> None:
    """Say why the command could not be done."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]Error:[/] {escape(str(error))}")


def one_line(value: object) -> str:
    """A value in one line, without the control characters that could steer a terminal."""
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else " " for character in text)
