"""A backend for the page beside it: `flask --app sdk/web/examples/flask_backend run --port 8080`."""

import os
from typing import Any

from flask import Flask, redirect
from werkzeug.wrappers import Response

from vocafuse import AccessToken

app = Flask(__name__, static_folder="page", static_url_path="")
server = os.environ.get("VOCAFUSE_BASE_URL", "http://127.0.0.1:8000/v1")


@app.post("/api/vocafuse-token")
def token() -> dict[str, Any]:
    user = "user_12345"  # Who is signed in: ask your own session.
    return AccessToken(os.environ["VOCAFUSE_API_KEY"], os.environ["VOCAFUSE_API_SECRET"], identity=user)()


@app.get("/vocafuse.js")
def recorder() -> Response:
    return redirect(server.removesuffix("/v1") + "/sdk/vocafuse.js")


@app.get("/")
def page() -> Response:
    return app.send_static_file("index.html")
