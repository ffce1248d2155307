"""docs/architecture.svg: the server's parts, drawn from what they really import.

The rows are the layers that `make lint` keeps (pyproject.toml), the sentences are the first of each part's
docstring, and the arrows are imports of the code; one that follows from others is left out. `make diagram`
writes the file, and a test says when it is out of date.
"""

import ast
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap

import grimp

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = REPOSITORY / "docs" / "architecture.svg"
PACKAGE = "vocafuse_server"
FOUNDATION = "core"  # everything imports it, so no arrow says so

WIDTH, MARGIN, GAP, ROW_GAP = 880, 16, 16, 34
HEAD, LINE = 30, 16
CHARACTER = 6.1  # the width of a letter of the small text, roughly
STYLE = """
.parts { --box: #ffffff; --ink: #1d1c1a; --quiet: #65625c; --edge: #cfcac0; --arrow: #c2410c; --base: #fdf0e8;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
@media (prefers-color-scheme: dark) { .parts:not(.themed) { --box: #1d1b19; --ink: #f0ede7; --quiet: #aaa59c;
  --edge: #4a4640; --arrow: #fb923c; --base: #2c2018; } }
.parts rect { fill: var(--box); stroke: var(--edge); }
.parts .base { fill: var(--base); }
.parts .name { font-size: 14px; font-weight: 600; fill: var(--ink); }
.parts .what { font-size: 12px; fill: var(--quiet); }
.parts path { fill: none; stroke: var(--arrow); stroke-width: 1.3; opacity: .75; }
.parts marker path { fill: var(--arrow); stroke: none; opacity: 1; }
""".strip()


@dataclass(frozen=True)
class Box:
    """A part of the server, and where it is drawn."""

    name: str
    lines: list[str]
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def layers() -> list[list[str]]:
    """The names of the parts, from the top row to the bottom one."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    [rows] = [
        one["layers"] for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers"
    ]
    return [[name.strip().removeprefix(f"{PACKAGE}.") for name in row.split("|")] for row in rows]


def imports(names: list[str]) -> dict[str, set[str]]:
    """Which parts each part imports."""
    graph = grimp.build_graph(PACKAGE)
    owner = {f"{PACKAGE}.{name}": name for name in names}
    owner |= {module: name for name in names for module in graph.find_descendants(f"{PACKAGE}.{name}")}
    found: dict[str, set[str]] = {name: set() for name in names}
    for module, name in owner.items():
        found[name] |= {
            owner[other] for other in graph.find_modules_directly_imported_by(module) if other in owner
        }
    return {name: others - {name} for name, others in found.items()}


def without_the_implied(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The edges of a graph without rings that don't follow from others."""

    def reached(name: str) -> set[str]:
        return edges[name].union(*(reached(other) for other in edges[name]))

    return {name: others - set[str]().union(*map(reached, others)) for name, others in edges.items()}


def svg() -> str:
    """The diagram, drawn anew."""
    rows = layers()
    names = [name for row in rows for name in row]
    boxes = {box.name: box for box in _placed(rows)}
    edges = {name: others - {FOUNDATION} for name, others in imports(names).items()}
    arrows = [
        _arrow(boxes[name], boxes[other])
        for name, others in without_the_implied(edges).items()
        for other in sorted(others)
    ]
    height = max(box.y + box.height for box in boxes.values()) + MARGIN
    parts = [
        '<svg class="parts" xmlns="http://www.w3.org/2000/svg"',
        f' viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" role="img"',
        ' aria-label="The parts of the server, in layers; arrows show imports.">',
        f"<style>{STYLE}</style>",
        '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z"/></marker>',
        *arrows,
        *(part for box in boxes.values() for part in _drawn(box)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _placed(rows: list[list[str]]) -> Iterator[Box]:
    y: float = MARGIN
    for row in rows:
        width = (WIDTH - 2 * MARGIN - GAP * (len(row) - 1)) / len(row)
        texts = [wrap(_purpose(name), int((width - 24) / CHARACTER)) for name in row]
        height = HEAD + LINE * max(map(len, texts)) + 8
        for column, (name, lines) in enumerate(zip(row, texts, strict=True)):
            yield Box(name, lines, MARGIN + column * (width + GAP), y, width, height)
        y += height + ROW_GAP


def _purpose(name: str) -> str:
    """The first sentence of a part's docstring."""
    path = REPOSITORY / "server" / "src" / PACKAGE / name
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text())) or ""
    return " ".join(text.split("\n\n")[0].replace("`", "").split())


def _drawn(box: Box) -> Iterator[str]:
    kind = ' class="base"' if box.name == FOUNDATION else ""
    x = box.x + 12
    yield f'<rect{kind} x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="9"/>'
    yield f'<text class="name" x="{x:g}" y="{box.y + 22:g}">{escape(box.name)}</text>'
    for number, line in enumerate(box.lines):
        y = box.y + 40 + LINE * number
        yield f'<text class="what" x="{x:g}" y="{y:g}">{escape(line)}</text>'


def _arrow(start: Box, end: Box) -> str:
    """From the bottom of one box to the top of another, a little towards where the other one is."""
    shift = max(-1.0, min(1.0, (end.middle - start.middle) / WIDTH))
    x1, y1 = start.middle + shift * start.width / 2, start.y + start.height
    x2, y2 = end.middle - shift * end.width / 2, end.y
    bend = (y2 - y1) / 2
    curve = f"{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"
    return f'<path marker-end="url(#tip)" d="M{x1:.0f} {y1:.0f}C{curve}"/>'


if __name__ == "__main__":
    FILE.write_text(svg())
