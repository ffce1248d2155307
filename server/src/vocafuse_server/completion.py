"""`vocafuse-server completion`: what lets a shell complete this command's words."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import (
    get_completion_inspect_parameters,
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - there is no other way to it
)

_PROGRAM = "vocafuse-server"


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion_command(shell: Annotated[Shell, typer.Argument(help="Whose completion to print.")]) -> None:
    """Print the script with which a shell completes this command's words."""
    variable = f"_{_PROGRAM.replace('-', '_').upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=_PROGRAM, complete_var=variable, shell=shell.value))


def answer_shells() -> None:
    """Have the command answer when such a script asks it; without this Typer knows no shells."""
    get_completion_inspect_parameters()
