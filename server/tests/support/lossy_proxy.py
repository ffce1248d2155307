"""A proxy on whose way back answers get lost: the server has done its work, the client doesn't know."""

import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

_NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length", "date", "server"}


@dataclass
class LossyProxy:
    """Passes requests on to a server.

    Attributes:
        to_lose: How many answers to each method get lost before one comes through.
        lost: How many have been.
    """

    url: str
    to_lose: Counter[str] = field(default_factory=Counter[str])
    lost: Counter[str] = field(default_factory=Counter[str])


@contextmanager
def lossy_proxy(origin: str) -> Generator[LossyProxy]:
    """A proxy before the server at `origin`, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            answer = httpx2.request(
                self.command, f"{origin}{self.path}", headers=dict(self.headers.items()), content=body
            )
            if found.lost[self.command] < found.to_lose[self.command]:
                found.lost[self.command] += 1
                return  # and with the handler's end the connection closes
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        setattr(Handler, f"do_{method}", Handler.pass_on)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = LossyProxy(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield found
        http.shutdown()
