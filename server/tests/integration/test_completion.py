"""Both command lines complete their words in the shells themselves, as far as those are installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from support.terminal import type_into
from typer.testing import CliRunner

from vocafuse._cli.app import app as client_app
from vocafuse_server.cli import app as server_app

PROGRAMS = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
CLEAR_LINE = "\x15"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder, and the folder in which somebody types."""
    (tmp_path / "recorded.wav").touch()
    return tmp_path


def need(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"NOT TESTED: {shell} is not installed")


def script(shell: str, app: typer.Typer = client_app) -> str:
    return CliRunner().invoke(app, ["completion", shell]).stdout


def test_bash(home: Path) -> None:
    need("bash")
    (home / "script").write_text(script("bash"))
    steps = [
        ("source ./script; echo rea''dy\n", "ready"),
        ("vocafuse webhooks rot\t", "rotate-secret "),
        (f"{CLEAR_LINE}vocafuse upload rec\t", "recorded.wav"),
    ]
    type_into(["bash", "--norc", "-i"], steps, ENVIRONMENT, home)


def test_zsh_completes_from_the_first_tab_on(home: Path) -> None:
    """With files in $fpath, as the documentation has it; `-D` keeps zsh from writing one of its own."""
    need("zsh")
    (home / "_vocafuse").write_text(script("zsh"))
    (home / "_vocafuse-server").write_text(script("zsh", server_app))
    steps = [
        ("fpath+=($PWD); autoload -Uz compinit; compinit -uD; echo rea''dy\n", "ready"),
        ("vocafuse webhooks rot\t", "rotate-secret "),
        (f"{CLEAR_LINE}vocafuse upload rec\t", "recorded.wav"),
        (f"{CLEAR_LINE}vocafuse-server tenants upd\t", "update "),
    ]
    type_into(["zsh", "-f", "-i"], steps, ENVIRONMENT, home)


def test_fish(home: Path) -> None:
    need("fish")
    (home / "script").write_text(script("fish"))
    asked = "source script; complete -C 'vocafuse webhooks rot'; complete -C 'vocafuse upload rec'"
    environment = {**ENVIRONMENT, "HOME": str(home)}
    done = subprocess.run(
        ["fish", "-c", asked], cwd=home, env=environment, capture_output=True, text=True, check=True
    )
    words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert words == ["rotate-secret", "recorded.wav"]


@pytest.mark.parametrize(
    ("program", "typed", "word"),
    [("vocafuse", "webhooks rot", "rotate-secret"), ("vocafuse-server", "tenants upd", "update")],
)
def test_shells_that_are_not_installed_are_answered(program: str, typed: str, word: str) -> None:
    """As the scripts for them ask."""
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    asked = {"_TYPER_COMPLETE_ARGS": f"{program} {typed}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for shell, expected in (("zsh", f'"{word}"'), ("fish", f"{word}\t")):
        done = subprocess.run(
            [PROGRAMS / program],
            env={**ENVIRONMENT, **asked, variable: f"complete_{shell}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in done.stdout
