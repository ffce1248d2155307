"""`vocafuse upload` against a real server: one file and many, and what becomes of their transcripts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import Result

if TYPE_CHECKING:
    from conftest import Server

Run = Callable[..., Result]
NoteJson = Callable[..., dict[str, Any]]


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


def test_transcripts_of_files_with_one_name_are_all_kept(
    run: Run, server: Server, tmp_path: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    (tmp_path / "deep").mkdir()
    for number, name in enumerate(("Note.wav", "deep/note.mp3", "other.wav")):
        (tmp_path / name).write_bytes(b"RIFF")
        server.reply(note_json(id=f"n{number}"), status=201)
        server.reply(note_json(id=f"n{number}"))
        server.reply(note_json(id=f"n{number}"))
        server.reply({**transcription_json, "text": f"Text {number}."})
    texts = tmp_path / "texts"
    run("upload", str(tmp_path), "--jobs", "1", "--wait", "--output", str(texts))
    written = {path.name: path.read_text() for path in texts.iterdir()}
    assert written == {"Note.n0.txt": "Text 0.\n", "note.n1.txt": "Text 1.\n", "other.txt": "Text 2.\n"}


def test_a_transcript_that_can_not_be_written_stops_no_other_file(
    run: Run, server: Server, tmp_path: Path, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    texts = tmp_path / "texts"
    (texts / "a.txt").mkdir(parents=True)
    for name in "ab":
        (tmp_path / f"{name}.wav").write_bytes(b"RIFF")
        for _ in range(3):
            server.reply(note_json(id=name))
        server.reply(transcription_json)
    result = run("upload", str(tmp_path), "--jobs", "1", "--wait", "--output", str(texts))
    assert (result.exit_code, result.stdout) == (1, f"b\t{tmp_path / 'b.wav'}\tHello world.\n")
    assert result.stderr == f"vocafuse: {tmp_path / 'a.wav'}: {texts / 'a.txt'}: Is a directory\n"


def test_a_file_that_is_written_is_named_in_the_json_too(
    run: Run,
    server: Server,
    audio_file: Path,
    tmp_path: Path,
    note_json: NoteJson,
    transcription_json: dict[str, Any],
) -> None:
    for _ in range(3):
        server.reply(note_json())
    server.reply(transcription_json)
    result = run("upload", str(audio_file), "--wait", "--json", "--output", str(tmp_path / "texts"))
    assert json.loads(result.stdout)["written"] == str(tmp_path / "texts" / "note.txt")
    assert (tmp_path / "texts" / "note.txt").read_text() == "Hello world.\n"


def test_a_key_that_may_only_write_uploads(
    run: Run, server: Server, audio_file: Path, note_json: NoteJson, error_json: Callable[..., Any]
) -> None:
    server.reply(note_json(), status=201)
    server.reply(error_json(1004, "AuthorizationError", "The scope is missing"), status=403)
    result = run("upload", str(audio_file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "rec_123\n", "")


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


def fields_of(form: bytes) -> dict[str, str]:
    """The fields of a form, its file under its field's name."""
    parts = re.findall(r'name="(\w+)"[^\n]*\r\n(?:Content-Type:.*\r\n)?\r\n(.*)\r\n', form.decode())
    return dict(parts)
