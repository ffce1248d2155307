"""The code blocks of the documentation, as the tests find them.

A block of Python or shell is run unless the line above its fence says why it isn't:
`<!-- not run: it asks for a microphone -->`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# Pages outside of docs/; project/site.py shows most of them on the site as well.
OTHER_PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/README.md",
    "sdk/python/README.md",
    "sdk/web/README.md",
)
RUN = {"python", "sh"}
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*)[^`]*$")
NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>.+) -->\s*$")


@dataclass(frozen=True)
class CodeBlock:
    """One fenced block; `line` is that of its first line of code, from 1."""

    page: str
    line: int
    language: str
    code: str
    not_run: str | None

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        return self.language in RUN and self.not_run is None


def pages() -> list[str]:
    """Every page of the documentation, as a path in the repository."""
    below_docs = [path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").rglob("*.md")]
    return sorted([*below_docs, *OTHER_PAGES])


def blocks_of(page: str) -> list[CodeBlock]:
    """The blocks of a page in their order."""
    return list(parse(page, (REPOSITORY / page).read_text()))


def parse(page: str, text: str) -> list[CodeBlock]:
    """The blocks of a page's text."""
    found: list[CodeBlock] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        opening = FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        start = number
        indent = opening["indent"]
        while number < len(lines) and lines[number] != f"{indent}```":
            number += 1
        code = "\n".join(line.removeprefix(indent) for line in lines[start:number]) + "\n"
        reason = NOT_RUN.match(lines[start - 2]) if start > 1 else None
        found.append(CodeBlock(page, start + 1, opening["language"], code, reason and reason["reason"]))
        number += 1
    return found
