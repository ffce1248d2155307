"""Writes the sync half of the client library from its async half, and the list of its public names.

The two halves differ in words only: `await`, `async for`, and what things are called. So the async half
is written by hand and the other is made of it, as psycopg and httpcore do. `make sdk` runs this. Nothing is
written if a word of the async half has no counterpart here, or the result is no Python.

The words are replaced in docstrings too, which is meant: "the async client" becomes "the sync client".
"""

from __future__ import annotations

import inspect
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

PACKAGE = Path(__file__).parent / "src" / "vocafuse"
API_FILE = Path(__file__).parent / "api.txt"
ASYNC_PREFIX = "_async_"
SOURCES = sorted(PACKAGE.glob(f"{ASYNC_PREFIX}*.py"))
RUFF = (sys.executable, "-m", "ruff")
MADE = "# Made of "
NOT_PUBLIC = {"_async_sending"}

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
# What such a word would look like that the list above lacks, such as `asyncio`, `aiter` or `__aenter__`.
LEFT_OVER = re.compile(
    r"_*(async\w*|await|(any|curi|a)io|trio|a(close|closing|enter\w*|exit|iter\w*|next|read\w*|send|throw)(__)?)",
    re.IGNORECASE,
)


def sync_text(text: str, source: str) -> str:
    """The text of the sync module that is made of an async one, not yet formatted.

    Raises:
        ValueError: A name of the async half is left in it.
    """
    for word, other in WORDS:
        text = re.sub(word, other, text)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and LEFT_OVER.fullmatch(token.string):
            raise ValueError(f"{source}, line {token.start[0]}: nothing is known to stand for {token.string}")
    docstring, separator, rest = text.partition('"""\n')
    return f"{MADE}{source} by `make sdk`: change that one.\n{docstring}{separator}{rest}"


def sync_modules() -> dict[str, str]:
    """The sync modules by the names of their files.

    Raises:
        ValueError: A name of an async module has no counterpart.
        CalledProcessError: A module is no Python; ruff has said where.
    """
    made = {source.name.removeprefix("_async"): source for source in SOURCES}
    return {
        name: _formatted(name, sync_text(source.read_text(), source.name)) for name, source in made.items()
    }


def _formatted(name: str, text: str) -> str:
    for command in (("check", "--fix", "--quiet", "--select", "I"), ("format", "--quiet")):
        # By its name in the package, so that ruff takes its settings and knows whose imports are ours.
        run = [*RUFF, *command, "--stdin-filename", str(PACKAGE / name), "-"]
        text = subprocess.run(run, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def made_files() -> list[Path]:
    """The sync modules that are there, also those whose async one is gone."""
    return [path for path in sorted(PACKAGE.glob("*.py")) if path.read_text().startswith(MADE)]


def public_api() -> str:
    """Every public name with its signature or fields, one a line.

    Besides what is exported: what an attribute of a client is, or what a method of it returns, though nobody
    makes one by name.

    Raises:
        RuntimeError: Python imports the library from elsewhere.
    """
    package = import_module("vocafuse")
    if Path(package.__file__ or "").resolve().parent != PACKAGE.resolve():
        raise RuntimeError(f"vocafuse comes from {package.__file__}, not from {PACKAGE}")
    names: list[str] = package.__all__
    exported = {name: getattr(package, name) for name in names}
    halves = [source.stem for source in SOURCES if source.stem not in NOT_PUBLIC]
    modules = ["_items", *halves, *(stem.removeprefix("_async") for stem in halves)]
    resources = {
        name: found
        for module in modules
        for name, found in vars(import_module(f"vocafuse.{module}")).items()
        if inspect.isclass(found) and found.__module__ == f"vocafuse.{module}"
    }
    every = sorted({**resources, **exported}.items())
    return "\n".join(line for name, found in every for line in _lines(name, found)) + "\n"


def _lines(name: str, found: object) -> list[str]:
    if not inspect.isclass(found):
        return [name]
    bases = ", ".join(base.__name__ for base in found.__bases__ if base is not object)
    methods = {member: value for member, value in vars(found).items() if inspect.isfunction(value)}
    attributes = {**_set_in(methods.get("__init__")), **inspect.get_annotations(found)}
    return [
        f"class {name}({bases})",
        *(
            f"{name}.{member}{_signature(methods[member])}"
            for member in sorted(methods)
            if not member.startswith("_") or member in {"__init__", "__call__"}
        ),
        *(
            f"{name}.{attribute}: {kind}".removesuffix(": ")
            for attribute, kind in attributes.items()
            if not attribute.startswith("_")
        ),
    ]


def _set_in(init: Callable[..., object] | None) -> dict[str, str]:
    """The attributes that a class gets where it is made, which no annotation of it names."""
    source = inspect.getsource(init) if init is not None else ""
    return dict.fromkeys(re.findall(r"self\.(\w+)(?:: [^=]+)? = ", source), "")


def _signature(function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    shown = [one for name, one in signature.parameters.items() if not name.startswith("_")]
    return str(signature.replace(parameters=shown)).replace("'", "")


def main() -> None:
    modules = sync_modules()
    for path in made_files():
        if path.name not in modules:
            path.unlink()
    for name, text in modules.items():
        (PACKAGE / name).write_text(text)
    # Imports the library, and so the modules that were just written.
    API_FILE.write_text(public_api())


if __name__ == "__main__":
    main()
