"""The whole server as a user runs it: `vocafuse-server up` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from vocafuse import Client
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres

COMMAND = [sys.executable, "-m", "vocafuse_server.cli"]
START_TIMEOUT_S = 60


def server_environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """An environment with nothing of the developer's own settings in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOCAFUSE_", "OTEL_"))}
    return {
        **kept,
        "VOCAFUSE_DATA_DIR": str(data_dir),
        "VOCAFUSE_PORT": "0",
        "VOCAFUSE_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "VOCAFUSE_WEBHOOK_RETRY_SECONDS": "0.2,0.2,0.2",
        **settings,
    }


def refusal(environment: dict[str, str], *arguments: str) -> str:
    """Run a command that must fail, and return the one sentence that it ends with."""
    result = subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1, result
    assert "Traceback" not in result.stdout + result.stderr
    lines = result.stderr.strip().splitlines()
    assert lines[-1].startswith("Error: "), result.stderr
    return lines[-1]


class Server:
    """A running `vocafuse-server up`."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        self.data_dir = data_dir
        self.environment = server_environment(data_dir, **settings)
        self.log_file = data_dir.with_suffix(".log")
        self.greeting = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait for the line that says it is ready."""
        with self.log_file.open("a") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "up"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        alarm = threading.Timer(START_TIMEOUT_S, self._process.kill)
        alarm.start()
        lines: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line)
            if "upload" in line and "--wait" in line:  # the greeting's last line
                break
        alarm.cancel()
        self.greeting = "".join(lines)
        assert "VocaFuse is ready" in self.greeting, self.log_file.read_text()[-3000:]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self._process.wait(timeout=60)

    def close(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()

    @property
    def credentials(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data_dir / "credentials.json").read_text())
        return found

    @property
    def origin(self) -> str:
        """Where the server listens, e.g. `http://127.0.0.1:8000`."""
        return self.credentials["base_url"].removesuffix("/v1")

    @property
    def database_url(self) -> str:
        """Its embedded database."""
        return EmbeddedPostgres(self.data_dir / "postgres").url()

    @property
    def key_headers(self) -> dict[str, str]:
        """What requests of the first tenant carry."""
        known = self.credentials
        return {"X-VocaFuse-API-Key": known["api_key"], "X-VocaFuse-API-Secret": known["api_secret"]}

    def client(self) -> Client:
        """A client of the first tenant."""
        known = self.credentials
        return Client(
            api_key=known["api_key"], api_secret=known["api_secret"], base_url=known["base_url"], timeout=30
        )

    def children(self, command: str) -> list[psutil.Process]:
        """The processes that run a command for the supervisor, at this moment."""
        assert self._process is not None
        try:
            children = psutil.Process(self._process.pid).children()
            return [child for child in children if command in child.cmdline()]
        except psutil.NoSuchProcess:
            return []

    def worker(self) -> psutil.Process:
        """The process that transcribes."""
        [worker] = self.children("worker")
        return worker

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another `vocafuse-server` command beside it."""
        done = self.try_to_run(*arguments)
        done.check_returncode()
        return done

    def try_to_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same for a command that may fail."""
        return subprocess.run(
            [*COMMAND, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
