"""Puts the figures of the load test into `docs/performance.md`, between two marks."""

from collections.abc import Sequence
from pathlib import Path

from bench.clips import ROOT
from bench.page import FIGURES, between_marks, section
from bench.report import Report, read_report
from bench.tables import goals_markdown

PAGE = "performance.md"
BEGIN = "<!-- Figures: written by `make load`. -->"
TITLES = {
    "sizes": "More notes",
    "tenants": "More tenants",
    "workers": "More workers, and how long notes wait",
    "job_queue": "The queue by itself",
}


def write_page(folder: Path) -> None:
    """Fill the page with the figures of all parts that were ever measured into this folder."""
    files = [folder / FIGURES / f"{part}.json" for part in TITLES]
    reports = [read_report(file) for file in files if file.is_file()]
    page = (ROOT / "docs" / PAGE).read_text()
    (folder / PAGE).write_text(between_marks(page, figures_markdown(reports), begin=BEGIN))


def figures_markdown(reports: Sequence[Report]) -> str:
    """What should hold, and then each part."""
    if not reports:
        return "Nothing has been measured yet."
    sections = [section(report, TITLES[report.part]) for report in reports]
    goals = [report for report in reports if report.goals]
    return "\n\n".join(
        [f"## What should hold\n\n{goals_markdown(goals)}" if goals else "", *sections]
    ).strip()
