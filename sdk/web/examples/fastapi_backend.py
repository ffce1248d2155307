"""A backend for the page beside it: `uvicorn --app-dir sdk/web/examples fastapi_backend:app --port 8080`."""

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles

from vocafuse import AccessToken

app = FastAPI()
server = os.environ.get("VOCAFUSE_BASE_URL", "http://127.0.0.1:8000/v1")


@app.post("/api/vocafuse-token")
def token() -> dict[str, Any]:
    user = "user_12345"  # Who is signed in: ask your own session.
    return AccessToken(os.environ["VOCAFUSE_API_KEY"], os.environ["VOCAFUSE_API_SECRET"], identity=user)()


@app.get("/vocafuse.js")
def recorder() -> RedirectResponse:
    return RedirectResponse(server.removesuffix("/v1") + "/sdk/vocafuse.js")


app.mount("/", StaticFiles(directory=Path(__file__).parent / "page", html=True))
