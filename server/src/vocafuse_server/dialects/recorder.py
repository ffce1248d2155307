"""The browser's recorder: modules that pages of any origin load from here."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

# Links in the repository, files in a wheel.
FOLDER = Path(__file__).parents[1] / "sdk"
_HEADERS = {
    # Modules of two versions must never meet, so a browser asks each time, and is nearly always told 304.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class _Module:
    plain: bytes
    packed: bytes
    etag: str


class _Modules:
    """The recorder's modules as they are now."""

    def __init__(self) -> None:
        paths = [FOLDER / "vocafuse.js", *(FOLDER / "vocafuse").glob("*.js")]
        self._by_name = {path.relative_to(FOLDER).as_posix(): _read(path) for path in paths}

    async def get(self, name: str, request: Request) -> Response:
        """One of them, or the news that it is as it was."""
        module = self._by_name.get(name)
        if module is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "ETag": module.etag}
        if module.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = module.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = module.packed, "gzip"
        return Response(body, media_type="text/javascript", headers=headers)


def recorder_router() -> APIRouter:
    """Serves the recorder at `/sdk/vocafuse.js`."""
    router = APIRouter()
    serve = _Modules().get
    router.add_api_route("/sdk/{name:path}", serve, methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _read(path: Path) -> _Module:
    plain = path.read_bytes()
    return _Module(plain, gzip.compress(plain, mtime=0), f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"')
