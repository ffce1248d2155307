"""The command line against a real server, with the credentials it finds by itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.core import TyperGroup
from typer.testing import CliRunner, Result

from vocafuse import __version__
from vocafuse._cli.app import Shell, app

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., Result]
NoteJson = Callable[..., dict[str, Any]]
DOCUMENT = Path(__file__).parents[4] / "docs" / "command-line.md"


def test_list_is_tab_separated(run: Run, server: Server, note_json: NoteJson) -> None:
    notes = [note_json(), note_json(id="b", original_filename="two\nlines\t.wav", duration_seconds=None)]
    server.reply({"voicenotes": notes, "next_page_uri": None, "total": 2})
    result = run("list", "--limit", "2", "--page", "0", "--status", "transcribed")
    assert result.stdout.splitlines() == [
        "rec_123\ttranscribed\t16.45\t2025-10-06T17:33:31\tvoicenote.webm",
        "b\ttranscribed\t\t2025-10-06T17:33:31\ttwo lines .wav",
    ]
    assert server.received[0].path == "/v1/voicenotes?page=0&limit=2&status=transcribed"


def test_all_are_listed_while_they_come(run: Run, server: Server, note_json: NoteJson) -> None:
    next_page = "/v1/voicenotes?page=1&limit=100"
    server.reply({"voicenotes": [note_json()], "next_page_uri": next_page, "total": 2})
    server.reply({}, status=403)
    result = run("list", "--all")
    assert (result.exit_code, result.stdout.split("\t")[0]) == (1, "rec_123")
    assert [one.path for one in server.received] == ["/v1/voicenotes?limit=100", next_page]


def test_list_as_json(run: Run, server: Server, note_json: NoteJson) -> None:
    page = {"voicenotes": [note_json()], "next_page_uri": None, "total": 1}
    server.reply(page)
    assert json.loads(run("list", "--json").stdout) == page


def test_get(run: Run, server: Server, note_json: NoteJson, transcription_json: dict[str, Any]) -> None:
    server.reply(note_json(custom_tags={"job": "7"}))
    server.reply(transcription_json)
    lines = run("get", "rec_123").stdout.splitlines()
    assert "status\ttranscribed" in lines
    assert 'custom_tags\t{"job": "7"}' in lines
    assert lines[-1] == "transcription\tHello world."


def test_get_without_a_transcript(run: Run, server: Server, note_json: NoteJson) -> None:
    server.reply(note_json(status="processing"))
    assert json.loads(run("get", "rec_123", "--json").stdout)["transcription"] is None
    server.reply(note_json())
    server.reply({}, status=404)
    assert "transcription\t" not in run("get", "rec_123").stdout


def test_errors_are_one_sentence(run: Run, server: Server, error_json: Callable[..., Any]) -> None:
    server.reply(error_json(3001, "NotFoundError", "Voice note not found"), status=404)
    result = run("get", "absent")
    assert (result.exit_code, result.stderr) == (1, "vocafuse: Voice note not found\n")
    result = run("upload", "absent.wav")
    assert (result.exit_code, result.stderr) == (1, "vocafuse: absent.wav: No such file or directory\n")


def test_errors_are_json_where_the_data_is(run: Run, server: Server, error_json: Callable[..., Any]) -> None:
    server.reply(error_json(3001, "NotFoundError", "Voice note not found", field="id"), status=404)
    result = run("get", "absent", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(result.stderr)["error"] == {
        "type": "NotFoundError",
        "message": "Voice note not found",
        "status_code": 404,
        "code": 3001,
        "details": {"field": "id"},
        "request_id": "req_1",
    }
    result = run("upload", "absent.wav", "--json")
    told = {"type": "FileNotFoundError", "message": "absent.wav: No such file or directory"}
    assert json.loads(result.stderr)["error"] == told


def test_a_fault_of_the_server_is_told_with_its_name_in_the_log(
    run: Run, server: Server, error_json: Callable[..., Any]
) -> None:
    server.reply(error_json(1004, "ServerError", "Something broke"), status=400)
    assert run("account").stderr == "vocafuse: Something broke (request req_1)\n"


def test_what_fails_with_one_note_stops_none_of_the_others(
    run: Run, server: Server, error_json: Callable[..., Any], transcription_json: dict[str, Any]
) -> None:
    missing = error_json(3001, "NotFoundError", "Voice note not found")
    for status in (200, 404, 200):
        server.reply(missing, status=status)
    result = run("delete", "a", "b", "c", "--json")
    assert (result.exit_code, json.loads(result.stdout)["deleted"]) == (1, ["a", "c"])
    assert json.loads(result.stderr)["error"]["id"] == "b"
    server.reply(missing, status=404)
    server.reply(transcription_json)
    result = run("transcript", "a", "b")
    assert (result.exit_code, result.stdout) == (1, "Hello world.\n")
    assert result.stderr == "vocafuse: a: Voice note not found\n"
    server.reply(error_json(1003, "AuthenticationError", "Revoked"), status=401)
    assert run("restore", "a", "b").stderr == "vocafuse: Revoked\n"


def test_no_credentials_are_one_sentence(data_dir: Path) -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 1
    assert result.stderr.startswith("vocafuse: No API credentials: ")


@pytest.mark.parametrize(
    "arguments",
    [
        "upload",
        "nonsense",
        "upload x.wav --tag novalue",
        "upload x.wav --output folder",
        "upload x.wav --jobs 0",
        "upload x.wav --format srt",
        "upload x.wav y.wav --wait --format srt",
        "list --all --page 1",
        "list --all --limit 1",
        "edit ID",
        "delete",
        "delete ID --undo-seconds 0",
        "transcript ID --format pdf",
        "webhooks",
        "webhooks update ID",
        "webhooks replay ID",
        "listen --event nonsense",
        "listen --forward-to localhost:3000",
        "listen --forward-to http://[::1",
        "completion powershell",
    ],
)
def test_usage_errors(run: Run, arguments: str) -> None:
    assert run(*arguments.split()).exit_code == 2


def test_search_shows_where_the_words_are(run: Run, server: Server, note_json: NoteJson) -> None:
    snippet = [
        {"text": "the ", "hit": False},
        {"text": "block", "hit": True},
        {"text": " books", "hit": False},
    ]
    match = {"title": None, "snippet": snippet, "start_time": 1.5}
    server.reply({"voicenotes": [note_json(title="Print", match=match)], "next_page_uri": None, "total": 1})
    assert run("search", "block", "books").stdout == "rec_123\t1.5\tPrint\tthe block books\n"
    assert server.received[0].path == "/v1/voicenotes?q=block+books&sort=relevance"


def test_delete_can_be_undone_unless_it_is_for_good(run: Run, server: Server) -> None:
    server.reply(status=204)
    assert run("delete", "rec_1").stdout == "rec_1\n"
    server.reply(status=204)
    assert json.loads(run("delete", "rec_1", "--for-good", "--json").stdout)["undo_seconds"] is None
    assert [one.path for one in server.received] == [
        "/v1/voicenotes/rec_1?undo_seconds=600",
        "/v1/voicenotes/rec_1",
    ]


def commands() -> list[tuple[str, ...]]:
    """The words of every command that does something."""
    found: list[tuple[str, ...]] = []
    for name, command in typer.main.get_group(app).commands.items():
        inner: Mapping[str, object] = command.commands if isinstance(command, TyperGroup) else {}
        found += [(name, one) for one in inner] if inner else [(name,)]
    return found


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_a_summary_and_an_example(words: tuple[str, ...]) -> None:
    told = CliRunner().invoke(app, [*words, "--help"]).stdout
    assert told.split("\n\n")[1].strip().endswith(".")
    options, _, shown = told.partition("Examples:\n")
    lines = [line.strip() for line in shown.strip().splitlines()]
    assert lines
    assert all(f"vocafuse {' '.join(words)}" in line for line in lines)
    assert all(option in options for option in re.findall(r" (--(?!all)[a-z-]+)", " ".join(lines)))


def test_the_document_lists_every_command() -> None:
    listed = re.findall(r"^\| `vocafuse ([a-z -]+?)(?: [A-Z\[].*?)?` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert {tuple(words.split()) for words in listed} == set(commands())


@pytest.mark.parametrize("shell", list(Shell))
def test_completion_is_printed_for_each_shell(shell: Shell) -> None:
    told = CliRunner().invoke(app, ["completion", shell.value]).stdout
    assert f"_VOCAFUSE_COMPLETE=complete_{shell.value}" in told


def test_base_url_option(run: Run, server: Server) -> None:
    server.reply({"voicenotes": [], "next_page_uri": None, "total": 0})
    assert run("--base-url", f"{server.url}/other/v1", "list").exit_code == 0
    assert server.received[0].path == "/other/v1/voicenotes"


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"vocafuse {__version__}\n"


def test_without_its_packages_the_command_says_how_to_get_them() -> None:
    code = "import sys; sys.modules['typer'] = None; from vocafuse._command import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith('pip install "vocafuse[cli]"\n')


def test_the_library_does_not_load_the_commands_packages() -> None:
    code = "import sys, vocafuse; print({'typer', 'rich'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
