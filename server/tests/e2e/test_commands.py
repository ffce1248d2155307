"""The commands of `vocafuse-server` as a person and as a script use them, beside a server that runs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.running_server import COMMAND, Server

from vocafuse import AuthenticationError, Client


def test_the_doctor_finds_a_running_server_sound(server: Server) -> None:
    told = json.loads(server.run("doctor", "--json").stdout)
    assert told["ok"]
    states = {(one["check"], one["status"]) for one in told["checks"]}
    assert {"database", "store", "model", "transcription"} <= {check for check, _ in states}
    assert {status for _, status in states} == {"ok"}, told
    [heard] = [one["message"] for one in told["checks"] if one["check"] == "transcription"]
    assert "block books" in heard


def test_the_doctor_tells_a_script_of_what_is_broken(tmp_path: Path) -> None:
    broken = Server(tmp_path / "data", VOCAFUSE_DATABASE_URL="postgresql://127.0.0.1:1/notes")
    told = broken.try_to_run("doctor", "clock", "database")
    rows = [line.split("\t") for line in told.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["ok", "clock"], ["failed", "database"]]
    assert "VOCAFUSE_DATABASE_URL" in rows[1][3]
    assert (told.returncode, told.stderr) == (1, "")


def test_the_doctor_shows_a_person_marks(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    server = Server(tmp_path / "data", VOCAFUSE_MODEL=str(tmp_path))
    environment = {**server.environment, "COLUMNS": "120", "TERM": "xterm"}
    command = [*COMMAND, "doctor", "clock", "model"]
    done = subprocess.run(command, stdout=theirs, stderr=theirs, env=environment, check=False)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 1
    assert "✓" in shown
    assert "→ Correct VOCAFUSE_MODEL" in shown.replace("\r\n", " ")
    assert "1 of 3 findings must be mended." in shown


def test_accounts_are_listed_suspended_and_given_new_keys(server: Server) -> None:
    made = json.loads(server.run("tenants", "create", "--name", "Tab\there", "--json").stdout)
    with Client(made["api_key"], made["api_secret"], server.credentials["base_url"]) as client:
        assert client.voicenotes.list().total == 0
        changed = server.run("tenants", "update", made["tenant_id"], "--status", "suspended", "--plan", "pro")
        assert "status\tsuspended" in changed.stdout.splitlines()
        with pytest.raises(AuthenticationError):
            client.voicenotes.list()
    server.run("tenants", "update", made["tenant_id"], "--status", "active")
    again = json.loads(server.run("tenants", "new-key", made["tenant_id"], "--json").stdout)
    with Client(again["api_key"], again["api_secret"], server.credentials["base_url"]) as client:
        assert client.voicenotes.list().total == 0
    rows = [line.split("\t") for line in server.run("tenants", "list").stdout.splitlines()]
    assert [made["tenant_id"], "Tab here", "pro", "active"] in [row[:4] for row in rows]
    unknown = server.try_to_run("tenants", "new-key", "01990000-0000-7000-8000-000000000000")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no account" in unknown.stderr


def test_a_link_and_the_keys_as_json(server: Server) -> None:
    url = json.loads(server.run("console", "--json").stdout)["url"]
    assert url.startswith("http://127.0.0.1:0/#link=")
    known = json.loads(server.run("keys", "list", "--json").stdout)
    assert {one["purpose"] for one in known if one["good_until"] is None} == {"signing", "encryption"}


def test_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    broken = Server(tmp_path / "data", VOCAFUSE_DATABASE_URL="postgresql://127.0.0.1:1/notes")
    told = broken.try_to_run("console")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("Error: The database can't be reached")
    assert "Traceback" not in told.stderr


def test_bash_completes_commands(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "vocafuse-server"
    script = (
        f'source <("{program}" completion bash); COMP_WORDS=(vocafuse-server ten); COMP_CWORD=1;'
        f' _vocafuse_server_completion "{program}"; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "tenants\n"
