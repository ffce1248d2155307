"""Examples in the API's description: answers that the server once gave, kept in `examples.json`.

A test has the running app give them again and compares their form; it says how to write them anew.
"""

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

EXAMPLES_FILE = "examples.json"
_HOME = "vocafuse_server.dialects"


def declare_examples(schema: dict[str, Any], dialect_of: Callable[[str], str]) -> None:
    """Add to each answer of an OpenAPI description the one that was kept for it, or for its status.

    Args:
        dialect_of: The name of a path's dialect; the answers that many of its routes have alike are kept
            under that name and their status, like `v1-400`.
    """
    kept: dict[str, Any] = json.loads((files(_HOME) / EXAMPLES_FILE).read_text("utf-8"))
    schema["components"]["examples"] = {name: {"value": kept[name]} for name in kept if " " not in name}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if content is None:
                    continue
                own = kept.get(f"{method.upper()} {path} {status}")
                if own is not None:
                    content["examples"] = {"answer": {"value": own}}
                elif (shared := f"{dialect_of(path)}-{status}") in kept:
                    content["examples"] = {"answer": {"$ref": f"#/components/examples/{shared}"}}
