"""`vocafuse`, the real program, against a real server: in pipes, in files, on a terminal."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server
from support.terminal import read_until, run_on_terminal
from support.waiting import wait_until

from vocafuse import Client, RequestValidator
from vocafuse._cli.languages import CODES
from vocafuse_server.transcription.languages import LANGUAGES

pytestmark = pytest.mark.xdist_group("e2e")

PROGRAM = str(Path(sys.executable).parent / "vocafuse")
CLIP = AUDIO / "harvard-birch-canoe.wav"
OTHER_CLIP = AUDIO / "whats-the-weather-like.wav"


class Shell:
    """Runs the program as a user of the server's machine does."""

    def __init__(self, server: Server) -> None:
        self.environment = server.environment

    def try_to_run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [PROGRAM, *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def run(self, *arguments: object) -> str:
        done = self.try_to_run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def rows(self, *arguments: object) -> list[list[str]]:
        return [line.split("\t") for line in self.run(*arguments).splitlines()]


@pytest.fixture
def shell(server: Server) -> Shell:
    return Shell(server)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, and one that only looks like one."""
    folder = tmp_path_factory.mktemp("recordings")
    (folder / "deep").mkdir()
    shutil.copy(CLIP, folder / "canoe.wav")
    shutil.copy(OTHER_CLIP, folder / "deep" / "weather.wav")
    (folder / "broken.mp3").write_text("no audio at all")
    return folder


def test_a_folder_is_uploaded_transcribed_and_written_into_files(
    shell: Shell, folder: Path, tmp_path: Path
) -> None:
    asked = ("upload", folder, "--wait", "--tag", "job=cli", "--format", "srt", "--output", tmp_path)
    first = shell.try_to_run(*asked)
    assert first.returncode == 1
    assert first.stderr.startswith(f"vocafuse: {folder / 'broken.mp3'}: ")
    notes = {row[1]: row for row in (line.split("\t") for line in first.stdout.splitlines())}
    assert set(notes) == {str(folder / "canoe.wav"), str(folder / "deep" / "weather.wav")}
    assert "birch canoe" in notes[str(folder / "canoe.wav")][2]
    assert "00:00:0" in (tmp_path / "canoe.srt").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canoe.srt", "weather.srt"]
    # Once more, as after a break: the same notes, and no others.
    again = json.loads(shell.try_to_run("upload", folder, "--tag", "job=cli", "--json").stdout)
    assert {one.get("id") for one in again} == {row[0] for row in notes.values()} | {None}
    assert [one["error"] is None for one in again].count(False) == 1
    assert len(shell.rows("list", "--all", "--tag", "job=cli")) == 2


def test_a_note_from_its_search_to_its_end(shell: Shell, tmp_path: Path) -> None:
    clip = shutil.copy(CLIP, tmp_path / "one note.wav")
    assert "birch canoe" in shell.run("upload", clip, "--wait", "--again", "--tag", "job=one")
    [[note_id, *_]] = shell.rows("list", "--tag", "job=one", "--status", "transcribed")
    shell.run("edit", note_id, "--title", "A zeppelin", "--tags", "sea,air")
    fields = {row[0]: row[1] for row in shell.rows("get", note_id)}
    assert (fields["title"], fields["tags"]) == ("A zeppelin", '["sea", "air"]')
    assert "birch canoe" in fields["transcription"]
    assert [note_id, "A zeppelin"] in [[row[0], row[2]] for row in shell.rows("search", "zeppelin")]
    hits = [row for row in shell.rows("search", "birch", "canoe", "--limit", "100") if row[0] == note_id]
    assert float(hits[0][1]) < 3
    assert "birch canoe" in hits[0][3]
    assert shell.run("transcript", note_id, "--format", "vtt").startswith("WEBVTT\n")
    assert "# A zeppelin" in shell.run("transcript", note_id, "--format", "markdown")
    assert json.loads(shell.run("transcript", note_id, "--format", "json"))["words"]
    shell.run("audio", note_id, "--output", tmp_path / "back.wav")
    assert (tmp_path / "back.wav").read_bytes() == CLIP.read_bytes()
    assert shell.run("delete", note_id) == f"{note_id}\n"
    gone = shell.try_to_run("get", note_id)
    assert (gone.returncode, gone.stdout, gone.stderr) == (1, "", "vocafuse: Voice note not found\n")
    assert shell.run("restore", note_id) == f"{note_id}\n"
    assert json.loads(shell.run("delete", note_id, "--for-good", "--json"))["deleted"] == [note_id]
    assert shell.try_to_run("restore", note_id).returncode == 1


def test_webhooks_keys_and_usage(shell: Shell, listener: Listener, server: Server) -> None:
    made = json.loads(shell.run("webhooks", "create", listener.url, "--json"))
    webhook_id = made["id"]
    assert [webhook_id, "active", listener.url] in [row[:3] for row in shell.rows("webhooks", "list")]
    delivery_id = shell.run("webhooks", "test", webhook_id).strip()
    received = listener.next()
    assert RequestValidator(made["secret"]).validate(received.body, received.headers["X-VocaFuse-Signature"])
    with server.client() as client:
        deliveries = client.webhooks(webhook_id).deliveries
        wait_until(lambda: deliveries.get(delivery_id).status == "delivered")
    assert [delivery_id, "webhook.test", "delivered"] in [
        row[:3] for row in shell.rows("webhooks", "deliveries", webhook_id)
    ]
    assert shell.run("webhooks", "replay", webhook_id, "--delivery", delivery_id) == f"{delivery_id}\n"
    assert listener.next().body == received.body
    shell.run("webhooks", "delete", webhook_id)

    pair = {row[0]: row[1] for row in shell.rows("keys", "create", "--scopes", "account:read")}
    listed = [row for row in shell.rows("keys", "list") if row[0] == pair["id"]]
    assert pair["api_key"].startswith(listed[0][2])
    shell.run("keys", "revoke", pair["id"])
    assert all(row[0] != pair["id"] for row in shell.rows("keys", "list"))
    today = shell.rows("usage", "--days", "2")[-1]
    assert int(today[1]) >= 0
    assert {"id", "plan"} <= {row[0] for row in shell.rows("account")}


@contextmanager
def listening_program(shell: Shell, *options: str) -> Generator["subprocess.Popen[str]"]:
    """`vocafuse listen`, once it is ready; stopped by Ctrl-C."""
    program = subprocess.Popen(
        [PROGRAM, "listen", *options],
        env=shell.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            assert program.stderr is not None
            assert program.stderr.readline().startswith("Ready.")
            yield program
            program.send_signal(signal.SIGINT)
            program.wait(timeout=20)
        finally:
            program.kill()


def test_listen_forwards_what_webhooks_would_be_told(
    shell: Shell, client: Client, listener: Listener, tmp_path: Path
) -> None:
    events = ["voicenote.created", "voicenote.transcribed", "voicenote.deleted", "recording.completed"]
    webhook = client.webhooks.create(url=listener.url.replace("/hook", "/real"), events=events)
    chosen = [option for event in events for option in ("--event", event)]
    secret = "whsec_c2VjcmV0LW9mLXRoZS1saXN0ZW5lcg=="
    options = ("--forward-to", listener.url, "--secret", secret, "--json", *chosen)
    with listening_program(shell, *options) as program:
        assert program.stderr is not None
        assert secret in program.stderr.readline()
        note = client.voicenotes.upload(CLIP, custom_tags={"job": "listen"}, user_id="user_1")
        received = [listener.next() for _ in range(6)]
        client.voicenotes.delete(note.id)
        received += [listener.next() for _ in range(2)]
        assert program.stdout is not None
        told = [json.loads(program.stdout.readline()) for _ in events]
    assert program.returncode == 0
    client.webhooks.delete(webhook.id)

    validator = RequestValidator(secret)
    ours = [one for one in received if validator.validate(one.body, one.headers["X-VocaFuse-Signature"])]
    real = [one for one in received if one not in ours]
    for event in events:
        [mine] = [one for one in ours if one.payload["event"] == event]
        [theirs] = [one for one in real if one.payload["event"] == event]
        assert abs(mine.payload["timestamp"] - theirs.payload["timestamp"]) <= 1
        assert list(mine.payload.items())[2:] == list(theirs.payload.items())[2:]
        assert {name.lower() for name in theirs.headers} <= {name.lower() for name in mine.headers}
        assert mine.headers["User-Agent"] == theirs.headers["User-Agent"]
        assert mine.headers["X-VocaFuse-Event"] == event
    assert {one["status_code"] for one in told} == {200}
    assert {one["voicenote_id"] for one in told} == {note.id}


def test_listen_shows_a_person_what_the_app_answers(shell: Shell, client: Client, listener: Listener) -> None:
    listener.answers.put(500)
    ours, theirs = pty.openpty()
    command = [PROGRAM, "listen", "--event", "voicenote.deleted", "--forward-to", listener.url]
    note = client.voicenotes.upload(CLIP)
    with subprocess.Popen(command, env=shell.environment, stdout=theirs, stderr=theirs) as program:
        os.close(theirs)
        try:
            shown = read_until(ours, b"signing secret is whsec_")
            client.voicenotes.delete(note.id)
            shown += read_until(ours, b"[500]")
            program.send_signal(signal.SIGINT)
            program.wait(timeout=20)
        finally:
            program.kill()
    os.close(ours)
    assert program.returncode == 0
    assert f"voicenote.deleted      {note.id}".encode() in shown
    assert b"Traceback" not in shown


def test_bars_and_tables_are_for_a_person(shell: Shell, folder: Path) -> None:
    code, shown = run_on_terminal(
        [PROGRAM, "upload", str(folder / "deep"), str(folder / "canoe.wav")], shell.environment
    )
    assert code == 0
    assert "of 2 files" in shown
    assert "2 of 2 uploaded." in shown
    code, shown = run_on_terminal([PROGRAM, "list", "--limit", "1"], shell.environment)
    assert code == 0
    assert "CREATED (UTC)" in shown


def test_languages_are_those_of_the_server() -> None:
    assert {code: name for name, code in CODES.items()} == LANGUAGES
