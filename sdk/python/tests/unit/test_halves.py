"""The two halves of the library, and what of it is public."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

import vocafuse
from vocafuse import AsyncClient, Client
from vocafuse._items import Item

LIBRARY = Path(__file__).parents[2]
RENEW = "run `make sdk` and review what changed"


def load_generator() -> ModuleType:
    spec = spec_from_file_location("generate", LIBRARY / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_sync_half_is_made_of_the_async_one() -> None:
    generator = load_generator()
    made: dict[str, str] = generator.sync_modules()
    assert made
    for name, text in made.items():
        assert (generator.PACKAGE / name).read_text() == text, f"{name}: {RENEW}"
    assert [path.name for path in generator.made_files()] == sorted(made), RENEW


@pytest.mark.parametrize("line", ["import asyncio", "value = aiter(page)", "await(page)", "page.asend(1)"])
def test_a_word_that_nothing_stands_for_is_told(line: str) -> None:
    text = f'"""Of the async client."""\n\n{line}\n'
    with pytest.raises(ValueError, match=r"_async_x\.py, line 3: nothing is known to stand for "):
        load_generator().sync_text(text, "_async_x.py")


def test_the_public_names_are_those_that_were_reviewed() -> None:
    assert vocafuse.__all__ == sorted(vocafuse.__all__)
    generator = load_generator()
    assert (LIBRARY / "api.txt").read_text() == generator.public_api(), RENEW


def resources(client: Any) -> dict[str, Any]:
    """A client and whatever it leads to, by their paths."""
    found: dict[str, Any] = {"client": client}
    attributes = cast("dict[str, Any]", vars(client))
    for name, value in attributes.items():
        if type(value).__module__.startswith("vocafuse") and not name.startswith("_"):
            found[name] = value
    for name in ("voicenotes", "webhooks", "api_keys"):
        found[f"{name}()"] = found[name]("id")
    found["transcription"] = found["voicenotes()"].transcription
    found["deliveries"] = found["webhooks()"].deliveries
    return found


def public_methods(thing: object) -> dict[str, Any]:
    return {
        name: method
        for name, method in inspect.getmembers(type(thing), inspect.isfunction)
        if not name.startswith("_") or name in {"__call__", "__init__"}
    }


def sync_words(text: str) -> str:
    return re.sub(r"\bAsync(?=[A-Z])", "", text)


def test_both_halves_have_the_same_methods_with_the_same_arguments() -> None:
    with Client("key", "secret") as client:
        ours = resources(client)
        theirs = resources(AsyncClient("key", "secret"))
        assert list(ours) == list(theirs)
        for path, thing in ours.items():
            methods, awaited = public_methods(thing), public_methods(theirs[path])
            assert list(methods) == list(awaited)
            for name, method in methods.items():
                signature = str(inspect.signature(awaited[name]))
                assert str(inspect.signature(method)) == sync_words(signature), f"{path}.{name}"


@pytest.mark.parametrize("name", [name for name in vocafuse.__all__ if not name.startswith("__")])
def test_every_public_name_says_what_it_is(name: str) -> None:
    found = getattr(vocafuse, name)
    documented = inspect.getdoc(found) or ""
    assert documented
    for field in inspect.get_annotations(found) if issubclass(found, Item) else ():
        assert field.startswith("_") or f"    {field}: " in documented, f"{name}.{field} is not explained"


def test_every_public_method_says_what_it_does() -> None:
    with Client("key", "secret") as client:
        for path, thing in resources(client).items():
            for name, method in public_methods(thing).items():
                if name == "__init__" and path != "client":
                    continue
                documented = inspect.getdoc(method) or ""
                assert documented, f"{path}.{name}"
                arguments = [one for one in inspect.signature(method).parameters if not one.startswith("_")]
                explained = "Args:" not in documented or all(
                    f"    {one}: " in documented for one in arguments if one != "self"
                )
                assert explained, f"{path}.{name} leaves an argument unexplained"


def cpu_time_of_import(module: str) -> float:
    """Seconds of the processor, which hardly depend on what else the machine does."""
    measure = (
        f"import time; before = time.process_time(); import {module}; print(time.process_time() - before)"
    )
    runs = [subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True) for _ in range(2)]
    return min(float(run.stdout) for run in runs)


def test_importing_the_library_is_quick() -> None:
    loaded = "import sys, vocafuse; print(sorted({'httpx2', 'anyio', 'typer', 'rich'} & {*sys.modules}))"
    run = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
    assert cpu_time_of_import("vocafuse") < 1.5 * cpu_time_of_import("httpx2")
