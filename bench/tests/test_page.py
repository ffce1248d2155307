"""The page of figures, and the JSON that it is made from."""

from pathlib import Path

import pytest

from bench.__main__ import PARTS
from bench.clips import ROOT
from bench.page import BEGIN, END, PAGE, TITLES, filled, keep
from bench.report import Bar, Chart, Conditions, Goal, Report, read_report

QUIET = Conditions("2026-03-14", "a machine", {"vocafuse-server": "1.0"}, 3, 0.01)
REPORT = Report(
    "engine",
    "Two clips.",
    QUIET,
    [{"peer": "ours-8", "wall_s": 1.5, "wer_others": None}],
    [Goal("Speed", 13.5, 12, at_least=True, unit="x")],
    Chart("Speed", "times real time", [Bar("VocaFuse", 20.0, ours=True), Bar("other", 2.0, ours=False)]),
    ["A remark."],
)


def test_figures_replace_what_stands_between_the_marks_and_nothing_else() -> None:
    page = filled(f"before\n{BEGIN}\nold figures\n{END}\nafter\n", [REPORT])
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old figures" not in page
    assert "| Speed | ≥ 12x | 13.5x | yes |" in page
    assert "A remark." in page
    assert filled(page, [REPORT]) == page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        filled("no marks here", [REPORT])


def test_a_page_without_figures_says_so() -> None:
    assert "Nothing has been measured yet." in filled(BEGIN + END, [])


def test_figures_of_a_quiet_machine_come_without_a_warning() -> None:
    assert "A trial" not in filled(BEGIN + END, [REPORT])


def test_doubtful_figures_say_so() -> None:
    busy = Conditions("2026-03-14", "a machine", {}, 1, 0.4)
    page = filled(BEGIN + END, [Report("engine", "Two clips.", busy, REPORT.rows, REPORT.goals)])
    assert "| Speed | ≥ 12x | 13.5x (trial) | yes |" in page
    assert "> **A trial, not a result**: only 1 of at least 3 rounds and other jobs took up to 40%" in page


def test_figures_that_are_no_times_need_no_rounds() -> None:
    assert Conditions("2026-03-14", "a machine", {}, None, 0.4).doubts == []


def test_json_holds_the_whole_report_and_a_chart_is_drawn(tmp_path: Path) -> None:
    keep(REPORT, tmp_path)
    assert read_report(tmp_path / "benchmarks" / "engine.json") == REPORT
    assert (tmp_path / "benchmarks" / "engine.png").read_bytes().startswith(b"\x89PNG")


def test_the_committed_page_is_what_the_committed_figures_make() -> None:
    page = (ROOT / "docs" / PAGE).read_text()
    files = [ROOT / "docs" / "benchmarks" / f"{part}.json" for part in PARTS]
    assert filled(page, [read_report(file) for file in files if file.is_file()]) == page


def test_every_part_has_a_title() -> None:
    assert set(TITLES) == set(PARTS)
