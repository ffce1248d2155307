"""SECURITY.md names tests that are there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
NAMED = re.findall(
    r"`((?:unit|integration|conformance|e2e)/[\w/]+\.py)(?:::(\w+))?`",
    (TESTS.parents[1] / "SECURITY.md").read_text(),
)


def functions_in(path: Path) -> set[str]:
    found = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, found)}


def test_every_test_that_it_names_is_there() -> None:
    assert len(NAMED) > 30
    missing = [
        f"{name}::{function}"
        for name, function in NAMED
        if not (TESTS / name).is_file()
        or not any(one.startswith("test_") for one in functions_in(TESTS / name))
        or (function and function not in functions_in(TESTS / name))
    ]
    assert missing == []


def test_every_attack_has_a_test() -> None:
    text = (TESTS.parents[1] / "SECURITY.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| attack")]
    assert len(rows) > 25
    assert [row for row in rows if not re.search(r"`(?:unit|integration|conformance|e2e)/", row)] == []
