"""The documents' JSON examples, and whether an answer has the same form."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

_FOLDER = Path(__file__).with_name("examples")
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def example(name: str) -> dict[str, Any]:
    """A document's example, by the name of its file."""
    found: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return found


def assert_same_form(shown: object, answer: object, *, added: Collection[str] = (), at: str = "") -> None:
    """Fails unless the answer has the example's fields in its order, with values of its types and formats.

    Where the example shows null, it says nothing of the value.

    Args:
        added: Fields that we add, as dotted paths; each must be there.
        at: Where in the answer this is.
    """
    if shown is None:
        return
    assert type(answer) is type(shown), f"{at or 'answer'}: {answer!r} is not of the type of {shown!r}"
    if isinstance(shown, dict):
        fields, known = cast("dict[str, object]", shown), cast("dict[str, object]", answer)
        _assert_same_fields(fields, known, {name for name in added if name.rpartition(".")[0] == at}, at)
        for name, value in fields.items():
            assert_same_form(value, known[name], added=added, at=f"{at}.{name}" if at else name)
    elif isinstance(shown, list):
        items = cast("list[object]", shown)
        for item in cast("list[object]", answer):
            assert_same_form(items[0], item, added=added, at=at)
    elif isinstance(shown, str):
        assert _format(cast("str", answer)) == _format(shown), at


def _assert_same_fields(
    shown: dict[str, object], answer: dict[str, object], added: Collection[str], at: str
) -> None:
    ours = [name for name in answer if (f"{at}.{name}" if at else name) in added]
    assert len(ours) == len(added), f"{at}: of {added} only {ours} are there"
    assert [name for name in answer if name not in ours] == list(shown), at


def _format(text: str) -> str:
    """What a text is: a time, a JSON list, or a text around ids and paths, which must be the same."""
    if TIME.fullmatch(text):
        return "{time}"
    if text.startswith("["):
        return f"JSON {type(json.loads(text)).__name__}"
    masked = UUID.sub("{id}", text)
    return masked if "{id}" in masked or masked.startswith("/v1/") else "{text}"
