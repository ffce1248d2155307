"""The suite as a whole: whatever the documents promise has a test, and the table says what the suite says."""

from collections import Counter
from importlib import import_module
from pathlib import Path

from conformance.promises import documents, modules_of_tests, proofs
from conformance.table import table

COMMITTED = Path(__file__).parents[3] / "docs" / "compatibility.md"


def test_the_committed_table_says_what_the_suite_says() -> None:
    assert COMMITTED.read_text() == table(), "run `make compatibility` and review what changed"


def test_every_heading_has_a_promise_and_every_promise_a_heading() -> None:
    headings = {(document.id, heading) for document in documents() for heading in document.headings}
    assert {(one.promise.document, one.promise.heading) for one in proofs()} == headings


def test_every_promise_is_told_once() -> None:
    told = Counter((one.promise.document, one.promise.heading, one.promise.text) for one in proofs())
    assert [text for text, times in told.items() if times > 1] == []
    ids = Counter(one.id for one in proofs())
    assert [name for name, times in ids.items() if times > 1] == []


def test_every_test_proves_a_promise_of_the_document_its_module_is_named_after() -> None:
    proved = {(one.module, one.test) for one in proofs()}
    for module in (name for name in modules_of_tests() if name != "test_table"):
        names = vars(import_module(f"conformance.{module}"))
        assert [name for name in names if name.startswith("test_") and (module, name) not in proved] == []
    assert all(one.promise.document in one.module.split("_") for one in proofs())
