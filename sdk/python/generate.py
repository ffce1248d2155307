"""Writes the sync half of the client library from its async half, and the list of its public names.

The two halves differ in words only: `await`, `async for`, and what things are called. So the async half
is written by hand and the other is made of it, as psycopg and httpcore do. `make sdk` runs this.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "src" / "vocafuse"
API_FILE = Path(__file__).parent / "api.txt"
# What an attribute of a client is, or what a method of it returns, though nobody makes one by name.
RESOURCE_MODULES = (
    "_items",
    *(f"_{name}" for name in ("account", "collections", "events", "notes", "one_note", "webhooks")),
    *(f"_async_{name}" for name in ("account", "collections", "events", "notes", "one_note", "webhooks")),
)
ASYNC_PREFIX = "_async_"
RUFF = (sys.executable, "-m", "ruff")
# Said, since elsewhere than in the package its modules look like somebody else's.
OURS = 'lint.isort.known-first-party=["vocafuse"]'
CONFIG = ("--config", str(ROOT / "pyproject.toml"), "--config", OURS)

# In this order: each is a word of the async half, and what the sync half has in its place.
WORDS = (
    (r"\basync (?=def|for|with)", ""),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\b_async_(?=\w)", "_"),
    (r"\basync_(?=\w)", ""),
    (r"\b__a(?=(enter|exit|iter|next)__)", "__"),
    (r"\ba(?=(next|close|read|iter_bytes)\()", ""),
    (r"\basync\b", "sync"),
    (r"\btasks\b", "threads"),
)


def sync_module(source: Path) -> str:
    """The text of the sync module that is made of an async one, not yet formatted."""
    text = source.read_text()
    for word, other in WORDS:
        text = re.sub(word, other, text)
    note = f"# Made of {source.name} by `make sdk`: change that one.\n"
    docstring, separator, rest = text.partition('"""\n')
    return f"{note}{docstring}{separator}{rest}"


def sync_modules() -> dict[str, str]:
    """The sync modules by the names of their files."""
    with tempfile.TemporaryDirectory(dir=ROOT / ".venv") as folder:
        for source in sorted(PACKAGE.glob(f"{ASYNC_PREFIX}*.py")):
            (Path(folder) / source.name.removeprefix("_async")).write_text(sync_module(source))
        for command in (("check", "--fix", "--quiet", "--select", "I"), ("format", "--quiet")):
            subprocess.run([*RUFF, *command, *CONFIG, folder], check=True)
        return {made.name: made.read_text() for made in sorted(Path(folder).glob("*.py"))}


def public_api() -> str:
    """Every public name with its signature or fields, one a line."""
    package = import_module("vocafuse")
    names: list[str] = package.__all__
    exported = {name: getattr(package, name) for name in names}
    resources = {
        name: found
        for module in RESOURCE_MODULES
        for name, found in vars(import_module(f"vocafuse.{module}")).items()
        if inspect.isclass(found) and found.__module__ == f"vocafuse.{module}"
    }
    every = sorted({**resources, **exported}.items())
    return "\n".join(line for name, found in every for line in _lines(name, found)) + "\n"


def _lines(name: str, found: object) -> list[str]:
    if not inspect.isclass(found):
        return [name]
    bases = ", ".join(base.__name__ for base in found.__bases__ if base is not object)
    own = {member: value for member, value in vars(found).items() if inspect.isfunction(value)}
    made = inspect.getsource(own["__init__"]) if "__init__" in own else ""
    typed = inspect.get_annotations(found)
    attributes = {**dict.fromkeys(re.findall(r"self\.(\w+)(?:: [^=]+)? = ", made), ""), **typed}
    return [
        f"class {name}({bases})",
        *(f"{name}.{member}{_signature(own[member])}" for member in sorted(own) if _is_public(member)),
        *(
            f"{name}.{attribute}: {kind}".removesuffix(": ")
            for attribute, kind in attributes.items()
            if not attribute.startswith("_")
        ),
    ]


def _is_public(member: str) -> bool:
    return not member.startswith("_") or member in {"__init__", "__call__"}


def _signature(function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    shown = [one for name, one in signature.parameters.items() if not name.startswith("_")]
    return str(signature.replace(parameters=shown)).replace("'", "")


if __name__ == "__main__":
    for name, text in sync_modules().items():
        (PACKAGE / name).write_text(text)
    API_FILE.write_text(public_api())
