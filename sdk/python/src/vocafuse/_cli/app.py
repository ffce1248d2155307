"""The program: its commands in the order in which its help lists them, and what comes before them."""

from __future__ import annotations

import io
import os
import sys
from enum import Enum
from typing import Annotated, cast

import typer
from typer.completion import (
    get_completion_inspect_parameters,
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - there is no other way to it
)

from vocafuse._cli import account, listening, notes, printing, transcripts, uploads
from vocafuse._cli.arguments import examples
from vocafuse._cli.session import Shared
from vocafuse._cli.webhooks import webhooks
from vocafuse._version import __version__

PROGRAM = "vocafuse"

app = typer.Typer(
    help="Upload voice notes and read their transcripts.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


# Typer's script only says who completes: whoever loads it from $fpath, when asked to complete, is it, too.
_ZSH_BEGINNING = f'if [ "$funcstack[1]" = _{PROGRAM} ]; then _{PROGRAM}_completion "$@"; fi'


class Shell(str, Enum):
    """Shells that can complete the program's words."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    base_url: Annotated[
        str | None, typer.Option(help="Where the API is; by default the server on this machine.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keeps what all commands share."""
    context.obj = Shared(base_url)


uploads.add_commands(app)
notes.add_commands(app)
transcripts.add_commands(app)
listening.add_commands(app)
app.add_typer(webhooks, name="webhooks")
account.add_commands(app)


@app.command(
    "completion",
    epilog=examples(
        "source <(vocafuse completion bash)",
        "vocafuse completion zsh > ~/.zfunc/_vocafuse",
        "vocafuse completion fish > ~/.config/fish/completions/vocafuse.fish",
    ),
)
def completion(shell: Annotated[Shell, typer.Argument(help="Whose completion to print.")]) -> None:
    """Print the script with which a shell completes this command's words."""
    variable = f"_{PROGRAM.upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=variable, shell=shell.value))
    if shell is Shell.ZSH:
        typer.echo(_ZSH_BEGINNING)


def run() -> None:
    """Runs the program; answers shells that ask it for completions."""
    get_completion_inspect_parameters()  # Without this Typer knows no shells.
    # Names of files can hold what is no text, and texts what the terminal has no letters for.
    cast("io.TextIOWrapper[io.BufferedWriter]", sys.stdout).reconfigure(errors="replace")
    try:
        app(prog_name=PROGRAM)
    except OSError as error:
        # Commands tell what they can't read or send; left is what they can't print, as on a full disk.
        printing.print_error(f"standard output: {error.strerror or error}")
        sys.exit(1)
    finally:
        _let_go_of_unwritten()


def _let_go_of_unwritten() -> None:
    """Python would try once more at its end, and complain: what was not written is not wanted or was told."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
