"""docs/reliability.md names tests; they are there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
DOCUMENT = TESTS.parents[1] / "docs" / "reliability.md"


def test_each_fault_is_proved_by_a_test_that_exists() -> None:
    faults = DOCUMENT.read_text().split("## Faults")[1].split("\n## ")[0]
    rows = [line for line in faults.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        proofs = re.findall(r"`([\w/]+\.py)::(\w+)`", row.rsplit("|", 2)[1])
        assert proofs, row
        for file, name in proofs:
            tree = ast.parse((TESTS / file).read_text())
            functions = [
                one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            assert name in {one.name for one in functions}, f"{file}::{name}"
