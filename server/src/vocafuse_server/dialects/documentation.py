"""`/docs`: the API's description as a page, with Swagger UI from a package and nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

DOCS_PATH = "/docs"
_OURS = Path(str(files("vocafuse_server.dialects"))) / "docs"
_SWAGGER_UI = Path(str(distribution("fastapi-swagger").locate_file("fastapi_swagger/resources")))
_ASSETS = {
    "start.js": (_OURS, "text/javascript"),
    "swagger-ui-bundle.js": (_SWAGGER_UI, "text/javascript"),
    "swagger-ui.css": (_SWAGGER_UI, "text/css"),
    "favicon-32x32.png": (_SWAGGER_UI, "image/png"),
}
DOCS_PATHS = frozenset({DOCS_PATH, *(f"{DOCS_PATH}/{name}" for name in _ASSETS)})


def docs_router() -> APIRouter:
    """The page and what it loads, which may be kept for an hour."""
    router = APIRouter(include_in_schema=False)

    @router.get(DOCS_PATH)
    async def page() -> FileResponse:
        return FileResponse(_OURS / "index.html", media_type="text/html")

    for name, (folder, media_type) in _ASSETS.items():
        router.add_api_route(f"{DOCS_PATH}/{name}", _sender(folder / name, media_type))
    return router


def _sender(path: Path, media_type: str) -> Callable[[], Awaitable[FileResponse]]:
    async def send() -> FileResponse:
        return FileResponse(path, media_type=media_type, headers={"Cache-Control": "public, max-age=3600"})

    return send
