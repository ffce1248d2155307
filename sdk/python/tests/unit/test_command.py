"""The command line against a real server, with the credentials it finds by itself."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner, Result

from vocafuse import __version__
from vocafuse._commands import app

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., Result]
NoteJson = Callable[..., dict[str, Any]]
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
    slot = {"voicenote_id": "rec_123", "presigned_url": f"{server.url}/objects/rec_123?signature=x"}
    server.reply(slot, status=201)
    server.reply()
    server.reply(note_json(status="processing"))


@pytest.mark.usefixtures("uploading")
def test_upload_prints_the_id(run: Run, server: Server, audio_file: Path) -> None:
    options = ("--tag", "job=7", "--tag", "empty=", "--language", "en", "--user-id", "u")
    result = run("upload", str(audio_file), *options)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "rec_123\n", "")
    sent = json.loads(server.received[0].body)
    assert sent["custom_tags"] == {"job": "7", "empty": ""}
    assert (sent["language"], sent["user_id"]) == ("en", "u")


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


@pytest.mark.parametrize("arguments", [["upload"], ["nonsense"], ["upload", "x.wav", "--tag", "novalue"]])
def test_usage_errors(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


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
