"""The commands of `vocafuse-server` as a person and as a script use them, beside a server that runs."""

import json
import subprocess
from pathlib import Path

import pytest
from support.running_server import COMMAND, Server
from support.terminal import run_on_terminal

from vocafuse import AuthenticationError, Client


@pytest.mark.xdist_group("e2e")
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
    server = Server(tmp_path / "data", VOCAFUSE_MODEL=str(tmp_path))
    code, shown = run_on_terminal([*COMMAND, "doctor", "clock", "model"], server.environment)
    assert code == 1
    assert "✓" in shown
    assert "→ Correct VOCAFUSE_MODEL" in shown
    assert "1 of 3 findings must be mended." in shown


@pytest.mark.xdist_group("e2e")
def test_accounts_are_changed_and_listed(server: Server) -> None:
    made = json.loads(server.run("tenants", "create", "--name", "Tab\there", "--json").stdout)
    changed = server.run("tenants", "update", made["tenant_id"], "--status", "suspended", "--plan", "pro")
    assert "status\tsuspended" in changed.stdout.splitlines()
    with (
        Client(made["api_key"], made["api_secret"], server.credentials["base_url"]) as client,
        pytest.raises(AuthenticationError),
    ):
        client.voicenotes.list()
    rows = [line.split("\t") for line in server.run("tenants", "list").stdout.splitlines()]
    assert [made["tenant_id"], "Tab here", "pro", "suspended"] in [row[:4] for row in rows]


@pytest.mark.xdist_group("e2e")
def test_an_account_that_lost_its_key_gets_another(server: Server) -> None:
    tenant_id = server.credentials["tenant_id"]
    pair = json.loads(server.run("tenants", "new-key", tenant_id, "--json").stdout)
    with Client(pair["api_key"], pair["api_secret"], server.credentials["base_url"]) as client:
        assert client.account.get().id == tenant_id


def test_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    broken = Server(tmp_path / "data", VOCAFUSE_DATABASE_URL="postgresql://127.0.0.1:1/notes")
    told = broken.try_to_run("console")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("Error: The database can't be reached")
    assert "Traceback" not in told.stderr


def test_commands_are_completed(tmp_path: Path) -> None:
    asking = {
        "_VOCAFUSE_SERVER_COMPLETE": "complete_bash",
        "COMP_WORDS": "vocafuse-server ten",
        "COMP_CWORD": "1",
    }
    environment = {**Server(tmp_path).environment, **asking}
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "tenants\n"
