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
    """A real HTTP server that webhooks are sent to. It answers with `answers` in turn, then with 200.

    Attributes:
        gate: While it is cleared, what comes is received and not answered.
    """

    url: str
    received: "queue.Queue[Received]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[int]" = field(default_factory=queue.Queue)
    answer_body: bytes = b""
    gate: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Received:
        """The next request; fails the test if none comes."""
        return self.received.get(timeout=RECEIVE_TIMEOUT_S)


@contextmanager
def listening() -> Generator[Listener]:
    """A listener on a free port of this machine, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # Whoever sent it was killed meanwhile.
                return
            try:
                answer = found.answers.get_nowait()
            except queue.Empty:
                answer = 200
            found.received.put(Received(dict(self.headers.items()), body))
            found.gate.wait()
            self.send_response(answer)
            self.send_header("Content-Length", str(len(found.answer_body)))
            self.end_headers()
            self.wfile.write(found.answer_body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = Listener(f"http://127.0.0.1:{http.server_port}/hook")
        found.gate.set()
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield found
        found.gate.set()
        http.shutdown()
