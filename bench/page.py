"""Puts the figures into `docs/benchmarks.md`, between two marks; nobody types a figure there."""

from collections.abc import Sequence
from pathlib import Path

from bench.chart import draw
from bench.clips import ROOT
from bench.report import Conditions, Report, read_report, write_report
from bench.tables import goals_markdown, markdown_table

PAGE = "benchmarks.md"
FIGURES = "benchmarks"
BEGIN = "<!-- Figures: written by `make bench`. -->"
END = "<!-- End of the figures. -->"
TITLES = {
    "engine": "Short notes",
    "field": "Short notes, the others",
    "long_notes": "Notes of a minute",
    "service": "Through the whole service",
    "dictation": "In OpenAI's form",
    "memory": "Memory",
    "no_speech": "Where nobody speaks",
    "latency": "One note on an idle server",
    "gpu": "On a GPU",
}


def keep(report: Report, folder: Path) -> None:
    """Write a part's JSON and chart beside the page."""
    home = folder / FIGURES
    home.mkdir(parents=True, exist_ok=True)
    write_report(report, home / f"{report.part}.json")
    if report.chart is not None:
        draw(report.chart, home / f"{report.part}.png")


def write_page(folder: Path, parts: Sequence[str]) -> None:
    """Fill the page with the figures of all parts that were ever measured into this folder."""
    files = [folder / FIGURES / f"{part}.json" for part in parts]
    reports = [read_report(file) for file in files if file.is_file()]
    page = (ROOT / "docs" / PAGE).read_text()
    (folder / PAGE).write_text(filled(page, reports))


def filled(page: str, reports: Sequence[Report]) -> str:
    """The page with these reports' figures between the marks; see `between_marks`."""
    return between_marks(page, figures_markdown(reports))


def between_marks(page: str, figures: str, *, begin: str = BEGIN) -> str:
    """The page with these figures in place of what stands between the marks.

    Raises:
        ValueError: The marks are missing.
    """
    before, _, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("The page lacks the marks that the figures belong between.")
    return f"{before}{begin}\n\n{figures}\n\n{end}{after}"


def figures_markdown(reports: Sequence[Report]) -> str:
    """What was promised, and then each part."""
    if not reports:
        return "Nothing has been measured yet."
    return "\n\n".join(
        [
            f"## What should hold\n\n{goals_markdown(reports)}",
            *(section(report, TITLES[report.part]) for report in reports),
        ]
    )


def section(report: Report, title: str) -> str:
    """A part's figures, with its chart and what they were measured on."""
    parts = [f"## {title}", report.what, _warning(report.conditions)]
    if report.chart is not None:
        described = "; ".join(f"{bar.label}: {bar.value:g}" for bar in report.chart.bars)
        parts.append(
            f'<img src="{FIGURES}/{report.part}.png" width="640" alt="{report.chart.title}. {described}.">'
        )
    parts += [markdown_table(report.rows), *report.remarks, small_print(report.conditions)]
    return "\n\n".join(part for part in parts if part)


def _warning(conditions: Conditions) -> str:
    doubts = " and ".join(conditions.doubts)
    return f"> **A trial, not a result**: {doubts}." if doubts else ""


def small_print(conditions: Conditions) -> str:
    """On what the figures were measured."""
    rounds = "" if conditions.rounds is None else f"; median of {conditions.rounds}"
    versions = ", ".join(f"{name} {number}" for name, number in conditions.versions.items())
    return (
        f"<sub>{conditions.machine}; {conditions.when}{rounds}; other jobs took at most"
        f" {conditions.others:.0%} of the machine; {versions}.</sub>"
    )
