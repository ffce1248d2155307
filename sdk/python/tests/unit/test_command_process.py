"""`vocafuse` as a process: on a terminal, in pipes, on a full disk, interrupted, with odd names."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import Result

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., Result]
NoteJson = Callable[..., dict[str, Any]]
COMMAND = [sys.executable, "-c", "from vocafuse._command import main; main()"]


@pytest.mark.usefixtures("uploading")
def test_on_a_terminal(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    server.reply(note_json())
    server.reply(transcription_json)
    shown, result = on_a_terminal("upload", str(audio_file), "--wait")
    assert result.stdout == b"Hello world.\n"
    assert b"rec_123" in shown
    note = note_json(id="01a21713-5d1c-72fa-adb9-e4602a58decd", original_filename="[red]x[/red]")
    for columns in (200, 60):
        server.reply({"voicenotes": [note], "next_page_uri": None, "total": 1})
        shown, _ = on_a_terminal("list", stdout_too=True, columns=columns)
        assert note["id"].encode() in shown
        assert (b"[red]x[/red]" in shown, b"CREATED" in shown) == (columns == 200,) * 2


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


@pytest.mark.parametrize("arguments", ["list --json", "list --all"])
def test_a_full_disk_is_one_sentence(run: Run, server: Server, note_json: NoteJson, arguments: str) -> None:
    server.reply({"voicenotes": [note_json()], "next_page_uri": None, "total": 1})
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*COMMAND, *arguments.split()], stdout=full, stderr=PIPE, check=False)
    assert result.returncode == 1
    assert b"No space left on device" in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_what_the_terminal_has_no_letters_for_is_no_error(
    run: Run, server: Server, transcription_json: dict[str, Any]
) -> None:
    server.reply({**transcription_json, "text": "Grüße, 世界"})
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    result = subprocess.run([*COMMAND, "transcript", "a"], env=environment, capture_output=True, check=False)
    assert (result.returncode, result.stdout) == (0, "Grüße, ??\n".encode("latin-1"))


def test_interrupting_the_start_is_quiet() -> None:
    interrupted = (
        "import sys; from importlib.abc import MetaPathFinder\n"
        "class Interrupting(MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting()); from vocafuse._command import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, b"", b"")


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


def test_audio_comes_from_standard_input(run: Run, server: Server, note_json: NoteJson) -> None:
    server.reply(note_json(), status=201)
    result = subprocess.run([*COMMAND, "upload", "-"], input=b"RIFF", capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"rec_123\n", b"")
    assert b'filename="stdin"' in server.received[0].body


def test_a_name_that_is_no_text_is_uploaded(
    run: Run, server: Server, tmp_path: Path, note_json: NoteJson
) -> None:
    for name in (b"a\xff.wav", b"b.wav"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(b"RIFF")
        server.reply(note_json(), status=201)
        server.reply(note_json())
    command = [*COMMAND, "upload", str(tmp_path), "--jobs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == f"rec_123\t{tmp_path}/a?.wav"
    assert b'filename="a?.wav"' in server.received[0].body


def on_a_terminal(
    *arguments: str, stdout_too: bool = False, columns: int = 200
) -> tuple[bytes, subprocess.CompletedProcess[bytes]]:
    """Runs the command with stderr, and stdout if wanted, on a pseudo-terminal; what that showed."""
    ours, theirs = pty.openpty()
    stdout = theirs if stdout_too else PIPE
    environment = {**os.environ, "COLUMNS": f"{columns}", "TERM": "xterm"}
    try:
        result = subprocess.run(
            [*COMMAND, *arguments], stdout=stdout, stderr=theirs, env=environment, check=True
        )
        os.set_blocking(ours, False)
        return os.read(ours, 100_000), result
    finally:
        os.close(ours)
        os.close(theirs)
