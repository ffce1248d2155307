"""A server of our own to measure, and a listener for its webhooks."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from vocafuse import Client
from vocafuse_server.core.data_dir import POSTGRES_FOLDER
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres

PATIENCE_S = 300.0
"""How long a note may take on a slow machine before the benchmark gives up."""


@dataclass(frozen=True)
class RunningServer:
    """A `vocafuse-server up`: its process, a client of its first tenant, its log, a JSON object a line."""

    pid: int
    client: Client
    log_file: Path
    data_dir: Path

    @property
    def database_url(self) -> str:
        """Its own Postgres."""
        return EmbeddedPostgres(self.data_dir / POSTGRES_FOLDER).url()

    @property
    def credentials(self) -> dict[str, str]:
        """The first tenant, its key pair, and the API's address."""
        return _credentials(self.data_dir)


def _credentials(data_dir: Path) -> dict[str, str]:
    return json.loads((data_dir / "credentials.json").read_text())


def server_environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """What a process of the server is started with, and nothing of the developer's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOCAFUSE_")}
    return {
        **kept,
        "VOCAFUSE_DATA_DIR": str(data_dir),
        "VOCAFUSE_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "VOCAFUSE_LOG_FORMAT": "json",
        **settings,
    }


@contextmanager
def running_server(data_dir: Path, **settings: str) -> Generator[RunningServer]:
    """A server on a free port while the block runs."""
    environment = server_environment(data_dir, VOCAFUSE_PORT="0", **settings)
    log_file = data_dir.with_suffix(".log")
    with log_file.open("w") as log:
        command = [sys.executable, "-m", "vocafuse_server.cli", "up"]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        # The greeting ends with the line that shows how to upload with the command line client.
        if server.stdout is None or not any("--wait" in line for line in server.stdout):
            raise SystemExit(f"The server did not start:\n{log_file.read_text()}")
        known = _credentials(data_dir)
        with Client(known["api_key"], known["api_secret"], known["base_url"]) as client:
            yield RunningServer(server.pid, client, log_file, data_dir)
    finally:
        server.terminate()
        server.communicate()


@dataclass
class Arrivals:
    """When the webhook of each note came."""

    _at_s: dict[str, float] = field(default_factory=dict[str, float])
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, note_id: str, at_s: float) -> None:
        with self._changed:
            self._at_s[note_id] = at_s
            self._changed.notify_all()

    def wait(self, note_id: str) -> float:
        """The time (of `time.perf_counter`) at which a note's webhook came; waits for it.

        Raises:
            TimeoutError: It does not come.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: note_id in self._at_s, PATIENCE_S):
                raise TimeoutError(f"No webhook came for {note_id} within {PATIENCE_S:.0f} s.")
            return self._at_s[note_id]


@contextmanager
def listening() -> Generator[tuple[str, Arrivals]]:
    """A listener's URL, and what arrives there."""
    arrivals = Arrivals()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            at_s = time.perf_counter()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            arrivals.add(body["voicenote"]["id"], at_s)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/", arrivals
        http.shutdown()
