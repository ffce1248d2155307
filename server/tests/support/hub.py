"""A model hub on this machine: the few routes by which the hub's client finds and downloads a model."""

import hashlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """A running hub. `repositories` are folders by name; `statuses` what it answers for a repository instead;
    a download of a file in `cut_after` breaks off after so many bytes, once."""

    url: str
    repositories: dict[str, Path] = field(default_factory=dict[str, Path])
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    cut_after: dict[str, int] = field(default_factory=dict[str, int])
    ranges: list[str] = field(default_factory=list[str])

    def model_info(self, repository: str) -> dict[str, Any]:
        return {
            "_id": "1",
            "id": repository,
            "sha": COMMIT,
            "siblings": [
                {"rfilename": path.name, "size": path.stat().st_size, **_lfs(path)}
                for path in sorted(self.repositories[repository].iterdir())
            ],
        }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _lfs(path: Path) -> dict[str, Any]:
    if path.suffix != ".bin":
        return {}
    return {"lfs": {"sha256": _sha256(path), "size": path.stat().st_size, "pointerSize": 1}}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            repository = path.removeprefix("/api/models/").partition("/revision/")[0]
            file = None
        else:
            repository, _, rest = path[1:].partition("/resolve/")
            file = rest.partition("/")[2]
        status = self.hub.statuses.get(repository, 200 if repository in self.hub.repositories else 404)
        if status != 200:
            self._refuse(status)
        elif file is None:
            self._send(json.dumps(self.hub.model_info(repository)).encode(), with_body=with_body)
        else:
            self._send_file(self.hub.repositories[repository] / file, with_body=with_body)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        code = {404: "RepoNotFound", 403: "GatedRepo"}.get(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, body: bytes, *, with_body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _send_file(self, path: Path, *, with_body: bool) -> None:
        body, start = path.read_bytes(), 0
        if wanted := self.headers.get("Range"):
            self.hub.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_sha256(path)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if with_body:
            end = self.hub.cut_after.pop(path.name, len(body))
            self.wfile.write(body[start:end])
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def hub_running() -> Generator[Hub]:
    """A hub on a free port of this machine, while the block runs."""

    class Handler(_Handler):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        Handler.hub = Hub(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield Handler.hub
        http.shutdown()
