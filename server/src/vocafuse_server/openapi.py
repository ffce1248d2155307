"""`python -m vocafuse_server.openapi` prints the API's description, made from the code."""

import json
import sys

from vocafuse_server.app import create_app
from vocafuse_server.core.settings import Settings


def description() -> str:
    """OpenAPI 3.1 as JSON text; the app is built but nothing is opened."""
    app = create_app(Settings(), "postgresql://nowhere/none")
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(description())
