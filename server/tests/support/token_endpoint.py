"""A backend that hands out what a test tells it to, to pages of any origin."""

import json
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class TokenEndpoint:
    """Hands out its answers in turn; the last one again and again.

    Attributes:
        answers: The bodies; an integer is the status of a refusal.
        asked: How often it was asked.
    """

    url: str
    answers: "deque[dict[str, Any] | int]" = field(default_factory=deque)
    asked: int = 0

    def next(self) -> dict[str, Any] | int:
        self.asked += 1
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]


@contextmanager
def token_endpoint() -> Generator[TokenEndpoint]:
    """An endpoint on a port of its own, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = found.next()
            body = b"" if isinstance(answer, int) else json.dumps(answer).encode()
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = TokenEndpoint(f"http://127.0.0.1:{http.server_port}/token")
        threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
        yield found
        http.shutdown()
