"""`vocafuse-server completion`: what lets a shell complete this command's words."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import (
    get_completion_script,  # pyright: ignore[reportPrivateImportUsage] - there is no other way to it
)

from vocafuse_server.cli import PROGRAM
from vocafuse_server.cli.conventions import examples, plain

command = plain()

# Typer's script only says who completes: whoever loads it from $fpath, when asked to complete, is it, too.
_ZSH_BEGINNING = f'if [ "$funcstack[1]" = _{PROGRAM} ]; then _vocafuse_server_completion "$@"; fi'


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@command.command(
    epilog=examples(
        "source <(vocafuse-server completion bash)",
        "vocafuse-server completion zsh > ~/.zfunc/_vocafuse-server",
        "vocafuse-server completion fish > ~/.config/fish/completions/vocafuse-server.fish",
    )
)
def completion(shell: Annotated[Shell, typer.Argument(help="Whose completion to print.")]) -> None:
    """Print the script with which a shell completes this command's words."""
    variable = f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE"
    typer.echo(get_completion_script(prog_name=PROGRAM, complete_var=variable, shell=shell.value))
    if shell is Shell.ZSH:
        typer.echo(_ZSH_BEGINNING)
