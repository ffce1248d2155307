"""Every code block of the documentation is run, can be read as what it is, or is listed with its reason."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from mkdocs.utils.yaml import yaml_load  # pyright: ignore[reportUnknownVariableType]  # of its stream

from project.code_blocks import RUN, CodeBlock, blocks_of, pages, parse

BLOCKS = [block for page in pages() for block in blocks_of(page)]
# Files, output and drawings.
TEXT = {"text"}
# All blocks of Python and shell that no test runs; server/tests/e2e/test_documentation.py runs the others.
NOT_RUN = {
    "CONTRIBUTING.md": 4,
    "README.md": 2,
    "docs/authentication.md": 1,
    "docs/backup.md": 3,
    "docs/benchmarks.md": 1,
    "docs/command-line.md": 4,
    "docs/events.md": 1,
    "docs/fleet.md": 2,
    "docs/index.md": 1,
    "docs/models.md": 1,
    "docs/performance.md": 1,
    "docs/quickstart.md": 1,
    "docs/receiving-webhooks.md": 1,
    "docs/recording.md": 1,
    "docs/running.md": 1,
    "sdk/python/README.md": 2,
    "sdk/web/README.md": 1,
}
NODE = Path(__file__).parents[2] / ".venv" / "bin"


def _of(language: str) -> list[CodeBlock]:
    return [block for block in BLOCKS if block.language == language]


def test_every_block_says_what_it_is() -> None:
    known = RUN | TEXT | {"js", "json", "yaml"}
    assert [block.place for block in BLOCKS if block.language not in known] == []


def test_what_is_not_run_is_on_the_list() -> None:
    found: dict[str, int] = {}
    for block in BLOCKS:
        if block.not_run is not None:
            found[block.page] = found.get(block.page, 0) + 1
    assert found == NOT_RUN


def test_only_what_could_be_run_says_that_it_is_not() -> None:
    assert [block.place for block in BLOCKS if block.not_run and block.language not in RUN] == []


def test_a_reason_that_names_a_test_names_one_that_exists() -> None:
    words = [word.strip(",;") for block in BLOCKS for word in (block.not_run or "").split()]
    named = [word for word in words if word.endswith(".py")]
    assert named
    assert [name for name in named if not (NODE.parents[1] / name).exists()] == []


@pytest.mark.parametrize("block", _of("json"), ids=lambda block: block.place)
def test_json_can_be_read(block: CodeBlock) -> None:
    assert isinstance(json.loads(block.code), dict)


@pytest.mark.parametrize("block", _of("yaml"), ids=lambda block: block.place)
def test_yaml_can_be_read(block: CodeBlock) -> None:
    assert isinstance(yaml_load(block.code), dict)


@pytest.mark.parametrize("block", _of("js"), ids=lambda block: block.place)
def test_javascript_can_be_read(block: CodeBlock) -> None:
    done = subprocess.run(
        ["node", "--check", "--input-type=module"],
        input=block.code,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:{NODE}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_block_is_found_with_its_reason_and_without_its_indent() -> None:
    text = "1. Do\n\n    <!-- not run: no -->\n    ```sh\n    make\n      up\n    ```\n\n```text\nx\n```\n"
    assert parse("page.md", text) == [
        CodeBlock("page.md", 5, "sh", "make\n  up\n", "no"),
        CodeBlock("page.md", 10, "text", "x\n", None),
    ]
