"""What the commands of `vocafuse-server` say of themselves is whole, and true."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.testing import CliRunner

from vocafuse_server.cli import PROGRAM, SUMMARIES, app, load
from vocafuse_server.cli.completion import Shell
from vocafuse_server.doctor.findings import CHECK_NAMES

DOCUMENT = Path(__file__).parents[3] / "docs" / "command-line.md"


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    for name in SUMMARIES:
        command = load(name)
        inner: Mapping[str, object] = command.commands if isinstance(command, TyperGroup) else {}
        yield from ((name, one) for one in inner) if inner else [(name,)]


COMMANDS = list(commands())


def test_the_list_of_commands_says_of_each_what_it_says_of_itself() -> None:
    told = {name: (load(name).help or "").split("\n\n")[0].rstrip() for name in SUMMARIES}
    assert told == SUMMARIES
    assert list(SUMMARIES) == re.findall(r"^  ([a-z]+) ", CliRunner().invoke(app).output, re.M)


def test_the_list_of_commands_imports_none_of_them() -> None:
    asking = "import sys; sys.argv = ['vocafuse-server']; from vocafuse_server.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", asking], capture_output=True, text=True, check=False
    )
    imported = {line.rsplit("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "Commands:" in done.stdout + done.stderr
    assert {name for name in imported if name.startswith("vocafuse_server")} == {
        "vocafuse_server",
        "vocafuse_server.cli",
    }
    assert imported.isdisjoint({"numpy", "pydantic", "sqlalchemy", "ctranslate2", "rich"})


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_summary_and_an_example(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"])
    assert told.exit_code == 0
    summary = told.stdout.split("\n\n")[1].strip()
    assert summary.endswith((".", ".\n"))
    _, _, shown = told.stdout.partition("Examples:\n")
    lines = [line.strip() for line in shown.strip().splitlines()]
    assert lines
    assert all(f"{PROGRAM} {' '.join(words)}" in line for line in lines)
    for option in re.findall(r" (--[a-z-]+)", " ".join(lines)):
        assert option in told.stdout.partition("Examples:\n")[0]


@pytest.mark.parametrize(
    "arguments",
    [
        "nonsense",
        "doctor nonsense",
        "completion powershell",
        "tenants create",
        "tenants create --name ' '",
        "tenants update 01990000-0000-7000-8000-000000000000",
        "tenants new-key x",
        "backup - --json",
        "worker --queues x",
        "webhooks replay 01990000-0000-7000-8000-000000000000",
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str) -> None:
    result = CliRunner().invoke(app, shlex.split(arguments))
    assert result.exit_code == 2
    assert "Error" in result.stderr


@pytest.mark.parametrize("shell", list(Shell))
def test_completion_is_printed_for_each_shell(shell: Shell) -> None:
    told = CliRunner().invoke(app, ["completion", shell]).stdout
    assert f"_VOCAFUSE_SERVER_COMPLETE=complete_{shell}" in told


def test_the_document_lists_every_command_and_every_check() -> None:
    text = DOCUMENT.read_text()
    listed = {
        tuple(words.split())
        for words in re.findall(rf"^\| `{PROGRAM} ([a-z -]+?)(?: [A-Z\[].*?)?` \|", text, re.M)
    }
    assert listed == set(COMMANDS)
    assert re.findall(r"^\| `([a-z]+)` \|", text, re.M) == list(CHECK_NAMES)
