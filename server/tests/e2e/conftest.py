"""One real server, and clients of two of its tenants."""

import json
from collections.abc import Iterator

import pytest
from support.running_server import Server

from vocafuse import Client


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that don't stop it."""
    running = Server(tmp_path_factory.mktemp("e2e") / "data")
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as client:
        yield client


@pytest.fixture(scope="session")
def other_client(server: Server) -> Iterator[Client]:
    """A client of another tenant, made while the server runs."""
    made = json.loads(server.run("tenants", "create", "--name", "Other", "--plan", "pro", "--json").stdout)
    with Client(
        api_key=made["api_key"], api_secret=made["api_secret"], base_url=server.credentials["base_url"]
    ) as client:
        yield client
