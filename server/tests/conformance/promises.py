"""The registry of promises: a test says which sentence of which document it proves.

A document and its headings stand in `documents.json`; a test with `@promise(...)` proves one promise, and
`python -m conformance.table` makes docs/compatibility.md of them all. Where the server keeps a promise in
another way than written, the test proves that way and `deviation` says why.
"""

import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])
_DOCUMENTS = Path(__file__).with_name("documents.json")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that promises something, with its headings in their order."""

    id: str
    title: str
    about: str
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """What a document says under a heading, in our own words."""

    document: str
    heading: str
    text: str
    deviation: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """A promise, and the test that proves it."""

    promise: Promise
    module: str
    test: str

    @property
    def id(self) -> str:
        return f"{self.promise.document}/{self.test.removeprefix('test_')}"


@dataclass(frozen=True, slots=True)
class Spelling:
    """One of v1's two words for a note, as its document uses it."""

    document: str
    noun: str
    title: str

    @property
    def collection(self) -> str:
        return f"{self.noun}s"

    @property
    def path(self) -> str:
        return f"/v1/{self.collection}"


VOICENOTES = Spelling("000", "voicenote", "Voice Note")
RECORDINGS = Spelling("001", "recording", "Recording")


def promise(
    document: str, heading: str, text: str, *, deviation: str | None = None
) -> Callable[[Test], Test]:
    """Marks a test as the proof of a promise."""
    return pytest.mark.promise(Promise(document, heading, text, deviation))


def in_both_spellings(heading: str, text: str, *, deviation: str | None = None) -> Callable[[Test], Test]:
    """Marks a test as the proof of a promise that documents 000 and 001 make alike.

    The test gets the spelling as `words`.

    Args:
        heading: With `{title}` where the documents have their own word.
        text: With `{path}` where they have their own path.
    """

    def mark(test: Test) -> Test:
        for words in (VOICENOTES, RECORDINGS):
            spelled = heading.format(title=words.title), text.format(path=words.path, noun=words.noun)
            test = promise(words.document, *spelled, deviation=deviation)(test)
        spellings = [pytest.param(words, id=words.collection) for words in (VOICENOTES, RECORDINGS)]
        return pytest.mark.parametrize("words", spellings)(test)

    return mark


def documents() -> list[Document]:
    """All documents, in the order in which the table shows them."""
    found: list[dict[str, Any]] = json.loads(_DOCUMENTS.read_text())
    return [Document(one["id"], one["title"], one["about"], tuple(one["headings"])) for one in found]


def modules_of_tests() -> list[str]:
    """The modules of this suite that hold tests."""
    return [name for _, name, _ in pkgutil.iter_modules([str(_DOCUMENTS.parent)]) if name.startswith("test_")]


def proofs() -> Iterator[Proof]:
    """Every promise that a test of this suite proves, in the order of the source."""
    for module in modules_of_tests():
        for name, test in vars(import_module(f"conformance.{module}")).items():
            marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
            for mark in marks:
                if name.startswith("test_") and mark.name == "promise":
                    yield Proof(mark.args[0], module, name)
