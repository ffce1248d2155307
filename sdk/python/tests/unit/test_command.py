"""The command line against a real server, with the credentials it finds by itself."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import PIPE
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
COMMAND = [sys.executable, "-c", "from vocafuse._command import main; main()"]


@pytest.fixture
def run(server: Server, data_dir: Path) -> Run:
    """Runs a command of which no output is a terminal."""
    pair = {"api_key": "sk_test_x", "api_secret": "hidden", "base_url": f"{server.url}/v1"}
    (data_dir / "credentials.json").write_text(json.dumps(pair))
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def audio_file(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFF")
    return path


@pytest.fixture
def uploading(server: Server, note_json: NoteJson) -> None:
    """The server is ready for one upload."""
    server.reply(note_json(status="processing"), status=201)
    server.reply(note_json(status="processing"))


@pytest.mark.usefixtures("uploading")
def test_upload_prints_the_id(run: Run, server: Server, audio_file: Path) -> None:
    options = ("--tag", "job=7", "--tag", "empty=", "--language", "en", "--user-id", "u")
    result = run("upload", str(audio_file), *options)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "rec_123\n", "")
    sent = fields_of(server.received[0].body)
    assert json.loads(sent["custom_tags"]) == {"job": "7", "empty": ""}
    assert (sent["language"], sent["user_id"], sent["file"]) == ("en", "u", "RIFF")


def test_the_same_file_is_uploaded_under_the_same_key(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson
) -> None:
    keys: list[str | None] = []
    for options in ([], [], ["--tag", "a=b"], ["--again"]):
        server.reply(note_json(), status=201)
        server.reply(note_json())
        assert run("upload", str(audio_file), *options).stdout == "rec_123\n"
        keys.append(server.received[-1 if options == ["--again"] else -2].headers.get("idempotency-key"))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert str(keys[0]).startswith("vocafuse-upload-")
    assert not str(keys[3]).startswith("vocafuse-upload-")


def test_a_file_whose_note_was_deleted_is_uploaded_anew(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson
) -> None:
    server.reply(note_json(id="old"), status=201)
    server.reply({}, status=404)
    server.reply(note_json(id="new"), status=201)
    assert run("upload", str(audio_file)).stdout == "new\n"


def test_a_folder_is_uploaded_and_one_failure_stops_nothing(
    run: Run, server: Server, tmp_path: Path, note_json: NoteJson, error_json: Callable[..., Any]
) -> None:
    for name in ("a.wav", "deep/B.MP3", "deep/notes.txt", ".hidden/c.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"RIFF")
    server.reply(error_json(2005, "ValidationError", "This is no audio."), status=400)
    server.reply(note_json(), status=201)
    server.reply(note_json())
    result = run("upload", str(tmp_path), "--jobs", "1")
    assert (result.exit_code, result.stdout) == (1, f"rec_123\t{tmp_path / 'deep/B.MP3'}\n")
    assert result.stderr == f"vocafuse: {tmp_path / 'a.wav'}: This is no audio.\n"


def test_a_folder_without_audio(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    result = run("upload", str(folder))
    assert (result.exit_code, result.stderr) == (1, "vocafuse: There is no audio in there.\n")


@pytest.mark.usefixtures("uploading")
def test_upload_and_wait_prints_just_the_text(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    server.reply(note_json())
    server.reply({**transcription_json, "text": "Hello\x1b[31m world.\nनमस्ते"})
    result = run("upload", str(audio_file), "--wait")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello [31m world.\nनमस्ते\n", "")


@pytest.mark.usefixtures("uploading")
def test_upload_as_json(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    server.reply(note_json())
    server.reply(transcription_json)
    printed = json.loads(run("upload", str(audio_file), "--wait", "--json").stdout)
    assert (printed["id"], printed["transcription"]["text"]) == ("rec_123", "Hello world.")


@pytest.mark.usefixtures("uploading")
def test_a_failed_transcription_is_one_sentence(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, error_json: Callable[..., Any]
) -> None:
    server.reply(note_json(status="failed"))
    server.reply(error_json(3003, "NotFoundError", "The transcription failed: no audio."), status=404)
    result = run("upload", str(audio_file), "--wait")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "vocafuse: The transcription failed: no audio.\n"


def test_list_is_tab_separated(run: Run, server: Server, note_json: NoteJson) -> None:
    notes = [note_json(), note_json(id="b", original_filename="two\nlines\t.wav", duration_seconds=None)]
    server.reply({"voicenotes": notes, "next_page_uri": None, "total": 2})
    result = run("list", "--limit", "2", "--page", "0", "--status", "transcribed")
    assert result.stdout.splitlines() == [
        "rec_123\ttranscribed\t16.45\t2025-10-06T17:33:31\tvoicenote.webm",
        "b\ttranscribed\t\t2025-10-06T17:33:31\ttwo lines .wav",
    ]
    assert server.received[0].path == "/v1/voicenotes?page=0&limit=2&status=transcribed"


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
        "list --all --page 1",
        "edit ID",
        "delete",
        "delete ID --undo-seconds 0",
        "transcript ID --format pdf",
        "webhooks",
        "webhooks update ID",
        "webhooks replay ID",
        "listen --event nonsense",
        "listen --forward-to localhost:3000",
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


def test_shells_are_answered(tmp_path: Path) -> None:
    """As the printed scripts ask; bash itself, which is there to be asked, all the way."""
    program = tmp_path / "vocafuse"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    ask = {"bash": {"COMP_WORDS": "vocafuse web", "COMP_CWORD": "1"}}
    ask["zsh"] = {"_TYPER_COMPLETE_ARGS": "vocafuse webhooks rot"}
    ask["fish"] = {**ask["zsh"], "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for shell, expected in (("zsh", '"rotate-secret"'), ("fish", "rotate-secret\t")):
        environment = {**os.environ, **ask[shell], "_VOCAFUSE_COMPLETE": f"complete_{shell}"}
        done = subprocess.run([program], env=environment, capture_output=True, text=True, check=True)
        assert expected in done.stdout
    script = (
        'source <("$0" completion bash); COMP_WORDS=(vocafuse web); COMP_CWORD=1;'
        ' _vocafuse_completion "$0"; printf "%s" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script, program], capture_output=True, text=True, check=True)
    assert done.stdout == "webhooks"


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


@pytest.mark.usefixtures("uploading")
def test_on_a_terminal(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    server.reply(note_json())
    server.reply(transcription_json)
    shown, result = on_a_terminal("upload", str(audio_file), "--wait")
    assert result.stdout == b"Hello world.\n"
    assert b"rec_123" in shown
    page = {"voicenotes": [note_json(original_filename="[red]x[/red]")], "next_page_uri": None, "total": 1}
    server.reply(page)
    shown, _ = on_a_terminal("list", stdout_too=True)
    assert b"[red]x[/red]" in shown
    assert b"CREATED" in shown


def test_interrupting_is_quiet(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [*COMMAND, "upload", str(pipe)]
    # Opening the pipe returns once the command reads from it, and then it waits for the end.
    with subprocess.Popen(command, stdout=PIPE, stderr=PIPE) as process, pipe.open("wb"):
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, (b"", b""))


def test_a_reader_that_has_had_enough_is_no_error(run: Run, server: Server) -> None:
    server.reply(status=204)
    ours, theirs = os.pipe()
    os.close(ours)
    result = subprocess.run([*COMMAND, "delete", "rec_1"], stdout=theirs, stderr=PIPE, check=False)
    os.close(theirs)
    assert (result.returncode, result.stderr) == (1, b"")


def test_interrupting_many_uploads_waits_for_no_answer(run: Run, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        (tmp_path / "data" / "credentials.json").write_text(
            json.dumps({"api_key": "sk_test_x", "api_secret": "hidden", "base_url": url})
        )
        with subprocess.Popen([*COMMAND, "upload", str(tmp_path)], stdout=PIPE, stderr=PIPE) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=20)
            connection.close()
    assert (process.returncode, output) == (130, (b"", b""))


def fields_of(form: bytes) -> dict[str, str]:
    """The fields of a form, its file under its field's name."""
    parts = re.findall(r'name="(\w+)"[^\n]*\r\n(?:Content-Type:.*\r\n)?\r\n(.*)\r\n', form.decode())
    return dict(parts)


def on_a_terminal(
    *arguments: str, stdout_too: bool = False
) -> tuple[bytes, subprocess.CompletedProcess[bytes]]:
    """Runs the command with stderr, and stdout if wanted, on a pseudo-terminal; what that showed."""
    ours, theirs = pty.openpty()
    stdout = theirs if stdout_too else PIPE
    environment = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    try:
        result = subprocess.run(
            [*COMMAND, *arguments], stdout=stdout, stderr=theirs, env=environment, check=True
        )
        os.set_blocking(ours, False)
        return os.read(ours, 100_000), result
    finally:
        os.close(ours)
        os.close(theirs)
