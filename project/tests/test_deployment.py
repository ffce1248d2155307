"""The container file and the compose file: what a run of them has shown to matter."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Thread

import pytest
from mkdocs.utils.yaml import yaml_load  # pyright: ignore[reportUnknownVariableType]  # of its stream

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = yaml_load((DEPLOY / "compose.yaml").read_text())
VALUES = yaml_load((DEPLOY / "helm" / "vocafuse" / "values.yaml").read_text())
SETTINGS = {"compose": COMPOSE["services"]["api"]["environment"], "chart": VALUES["settings"]}


def test_what_is_put_into_a_read_only_container_is_a_file() -> None:
    read_only = [service for service in COMPOSE["services"].values() if service.get("read_only")]
    sources = [config["source"] for service in read_only for config in service.get("configs", [])]
    assert sources
    for source in sources:
        assert (DEPLOY / COMPOSE["configs"][source]["file"]).is_file()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=list(SETTINGS))
def test_a_proxy_of_the_private_network_is_believed_whose_requests_it_brings(
    settings: dict[str, str],
) -> None:
    networks = [ip_network(network) for network in settings["FORWARDED_ALLOW_IPS"].split(",")]
    believed = {
        address: any(ip_address(address) in network for network in networks)
        for address in ("10.1.2.3", "172.19.0.4", "192.168.96.2", "203.0.113.7")
    }
    assert believed == {"10.1.2.3": True, "172.19.0.4": True, "192.168.96.2": True, "203.0.113.7": False}


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == self.server_version else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def process_that_answers(path: str) -> Generator[int]:
    """The port of a server that knows one path, while the block runs."""
    answering = type("Answering", (_Answering,), {"server_version": path})
    with HTTPServer(("127.0.0.1", 0), answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def health(**environment: str) -> int:
    """The exit code of the container's health check."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
    [command] = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", text, re.MULTILINE)
    _, *arguments = json.loads(command)
    return subprocess.run(
        [sys.executable, *arguments], env={"PATH": os.environ["PATH"], **environment}, capture_output=True
    ).returncode


def test_an_api_is_healthy_on_the_port_that_is_set() -> None:
    with process_that_answers("/healthz") as port:
        assert health(VOCAFUSE_PORT=str(port)) == 0
    assert health(VOCAFUSE_PORT=str(port)) == 1


def test_a_worker_is_healthy_when_its_metrics_answer() -> None:
    with process_that_answers("/metrics") as port:
        assert health(VOCAFUSE_WORKER_METRICS_PORT=str(port)) == 0
        assert health(VOCAFUSE_PORT=str(port)) == 1
