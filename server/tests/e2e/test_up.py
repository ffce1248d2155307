"""A server that `vocafuse-server up` has started: what it has printed, keeps to itself and refuses."""

import contextlib
import socket
import stat
import subprocess

import httpx2
import pytest
from support.running_server import Server, refusal

pytestmark = pytest.mark.xdist_group("e2e")


def test_secrets_are_readable_by_their_owner_alone(server: Server) -> None:
    for name in ("credentials.json", "signing.key", "encryption.key"):
        assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("start", ["api() {", "VOCAFUSE_DATA_DIR="])
def test_the_printed_lines_transcribe_the_sample(server: Server, start: str) -> None:
    [line] = [line.strip() for line in server.greeting.splitlines() if line.strip().startswith(start)]
    result = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert "block books" in result.stdout, result


def test_a_data_directory_in_use_is_told(server: Server) -> None:
    assert "Another server is running" in refusal(server.environment, "up")


def test_a_request_with_an_endless_head_is_cut(server: Server) -> None:
    address = httpx2.URL(server.origin)
    with socket.create_connection((address.host, address.port or 0)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(400):
                connection.sendall(b"a" * 64 * 1024)
        with contextlib.suppress(ConnectionError):
            assert connection.recv(64).startswith(b"HTTP/1.1 431 ")
    assert httpx2.get(f"{server.origin}/healthz", headers={"X-Long": "a" * 30_000}).status_code == 200
