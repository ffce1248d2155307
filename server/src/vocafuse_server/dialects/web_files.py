"""Files that browsers load: modules, styles and pages, as they are on the disk."""

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException, Request, Response

_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    packed: bytes
    etag: str
    media_type: str


class WebFiles:
    """Files of one folder, read when the server starts.

    A browser asks each time whether it has the newest, and is nearly always told 304: files of two versions
    must never meet in one page.

    Args:
        folder: Where they are.
        paths: Which of them are served.
        headers: What goes with each answer.
    """

    def __init__(self, folder: Path, paths: Iterable[Path], headers: Mapping[str, str]) -> None:
        self._by_name = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        self._headers = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **headers}

    async def get(self, name: str, request: Request) -> Response:
        """One of them, or the news that it is as it was."""
        found = self._by_name.get(name)
        if found is None:
            raise HTTPException(404)
        headers = {**self._headers, "ETag": found.etag}
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = found.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = found.packed, "gzip"
        return Response(body, media_type=found.media_type, headers=headers)


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    etag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
    return _File(plain, gzip.compress(plain, mtime=0), etag, _TYPES[path.suffix])
