"""The command `vocafuse-server`: what a person types, a module for each word.

A command's module is imported when it is run, or asked for its own help: what `up` needs takes a second of
processor time to import, and `--version`, `--help`, completion and most other commands need little of it.
"""

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main
from typer._click import Command, Context
from typer.completion import get_completion_inspect_parameters
from typer.core import TyperCommand, TyperGroup

from vocafuse_server import __version__

PROGRAM = "vocafuse-server"
SUMMARIES = {
    "up": "Run everything on this machine: database, API and worker, until Ctrl-C.",
    "api": "Run one API process, for a fleet. Needs VOCAFUSE_DATABASE_URL.",
    "worker": "Run one worker process, for a fleet. Needs VOCAFUSE_DATABASE_URL.",
    "migrate": "Bring the database's schema up to date, also while the version before serves.",
    "console": "Print a link that signs in to the first tenant's console, once, within ten minutes.",
    "doctor": "Check this installation, and say what to do where something is wrong.",
    "tenants": "Accounts on this server.",
    "keys": "Keys that sign tokens and seal secrets.",
    "model": "Speech models on this machine.",
    "webhooks": "What is sent to the accounts' webhooks.",
    "backup": "Write the database, the audio and the keys into one file, also while the server runs.",
    "restore": "Fill an empty data directory from a backup that this release or an earlier one made.",
    "completion": "Print the script with which a shell completes this command's words.",
}
"""The commands, each in the module of its name, as the list of all tells of them; a test compares the two."""


class _OnDemand(TyperGroup):
    """Knows the commands' names and summaries, and has them imported when one is to do something."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name, summary in SUMMARIES.items():
            self.add_command(TyperCommand(name, help=summary))

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        name, known, rest = super().resolve_command(ctx, args)
        return name, known and load(str(known.name)), rest


app = typer.Typer(
    name=PROGRAM,
    cls=_OnDemand,
    help="The voice-notes server.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def load(name: str) -> Command:
    """One of the commands in `SUMMARIES`."""
    command: typer.Typer = import_module(f"{__name__}.{name}").command
    return typer.main.get_command(command)


def main() -> None:
    """Run the command; what can't be done ends in one sentence and exit code 1."""
    get_completion_inspect_parameters()  # Else Typer knows no shell that asks it for words.
    try:
        app(prog_name=PROGRAM)
    except SystemExit:  # As Typer ends; to look at what else it may be would import for nothing.
        raise
    except _told_in_a_sentence() as error:
        from vocafuse_server.cli.conventions import tell_error

        tell_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _told_in_a_sentence() -> tuple[type[Exception], ...]:
    """Errors whose message is for whoever typed the command; imported when something has been raised."""
    from vocafuse_server.audio.errors import DecoderUnavailable
    from vocafuse_server.core.errors import ApiError, StartupError
    from vocafuse_server.transcription.catalogue import WeightsError
    from vocafuse_server.transcription.engine import TranscriptionError

    return StartupError, WeightsError, DecoderUnavailable, TranscriptionError, ApiError


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
