"""The example backends of `sdk/web/examples`, as a user runs them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from support.ports import free_port
from support.running_server import Server
from support.waiting import wait_until

EXAMPLES = Path(__file__).parents[3] / "sdk" / "web" / "examples"
COMMANDS = {
    "fastapi": ["uvicorn", "--app-dir", str(EXAMPLES), "fastapi_backend:app"],
    "flask": ["flask", "--app", str(EXAMPLES / "flask_backend"), "run"],
}


class ExampleBackend:
    """A backend that hands out tokens, and the page that records."""

    def __init__(self, kind: str, server: Server, *, api: str | None = None) -> None:
        known = server.credentials
        self._environment = {
            **os.environ,
            "VOCAFUSE_API_KEY": known["api_key"],
            "VOCAFUSE_API_SECRET": known["api_secret"],
            "VOCAFUSE_BASE_URL": f"{api or server.origin}/v1",
        }
        self._command = [sys.executable, "-m", *COMMANDS[kind]]
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        quiet = subprocess.DEVNULL
        command = [*self._command, "--port", str(self._port)]
        self._process = subprocess.Popen(command, env=self._environment, stdout=quiet, stderr=quiet)
        wait_until(self._answers, within_s=30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the example backend ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
