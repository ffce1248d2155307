"""A real HTTP server that receives webhooks."""

import json
import queue
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RECEIVE_TIMEOUT_S = 20


@dataclass(frozen=True)
class Received:
    """A request that came to the listener."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class Listener:
    """A real HTTP server that webhooks are sent to. It answers with `answers` in turn, then with 200."""

    url: str
    received: "queue.Queue[Received]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[int]" = field(default_factory=queue.Queue)

    def next(self) -> Received:
        """The next request; fails the test if none comes."""
        return self.received.get(timeout=RECEIVE_TIMEOUT_S)


@contextmanager
def listening() -> Generator[Listener]:
    """A listener on a free port of this machine, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                answer = found.answers.get_nowait()
            except queue.Empty:
                answer = 200
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            self.end_headers()
            found.received.put(Received(dict(self.headers.items()), body))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = Listener(f"http://127.0.0.1:{http.server_port}/hook")
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield found
        http.shutdown()
