"""The browser's recorder: modules that pages of any origin load from here."""

from pathlib import Path

from fastapi import APIRouter

from vocafuse_server.dialects.web_files import WebFiles

# Links in the repository, files in a wheel.
FOLDER = Path(__file__).parents[1] / "sdk"
_HEADERS = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def recorder_router() -> APIRouter:
    """Serves the recorder at `/sdk/vocafuse.js`."""
    router = APIRouter()
    paths = [FOLDER / "vocafuse.js", *(FOLDER / "vocafuse").glob("*.js")]
    serve = WebFiles(FOLDER, paths, _HEADERS).get
    router.add_api_route("/sdk/{name:path}", serve, methods=["GET", "HEAD"], include_in_schema=False)
    return router
