"""The load test's own sums, and the page that they go to."""

import pytest

from bench.clips import ROOT
from bench.job_figures import Result, Through
from bench.job_figures import report as queue_report
from bench.load_page import BEGIN, PAGE, TITLES, figures_markdown
from bench.load_workers import simulated_delays
from bench.page import between_marks
from bench.pipeline import Passed
from bench.report import Bar, Chart, Conditions, Goal, Report
from bench.traffic import Caller

QUIET = Conditions("2026-03-14", "a machine", {"vocafuse-server": "1.0"}, 3, 0.01)


def report(part: str, *goals: Goal) -> Report:
    row = {"workers": "1", "notes_an_hour": 9000, "measured_mean_s": 0.5}
    chart = Chart("Delay", "seconds", [Bar("1 worker, measured", 0.5, ours=True)])
    return Report(part, f"What {part} is about.", QUIET, [{**row}], [*goals], chart)


def test_the_page_has_what_should_hold_and_then_each_part_with_its_chart() -> None:
    found = figures_markdown(
        [report("sizes"), report("workers", Goal("Off by", 7.5, 20, at_least=False, unit="%"))]
    )
    assert found.startswith("## What should hold")
    assert "| Off by | ≤ 20 % | 7.5 % | yes |" in found
    assert found.index(TITLES["sizes"]) < found.index(TITLES["workers"])
    assert '<img src="benchmarks/workers.png"' in found
    assert "| 1 | 9000 | 0.500 |" in found
    page = between_marks((ROOT / "docs" / PAGE).read_text(), found, begin=BEGIN)
    assert found in page


def test_without_goals_there_is_no_list_of_them() -> None:
    assert figures_markdown([report("sizes")]).startswith(f"## {TITLES['sizes']}")
    assert figures_markdown([]) == "Nothing has been measured yet."


def test_who_meets_nobody_takes_as_long_as_alone_and_others_wait() -> None:
    seen = Passed(10.0, 1.0, 0.1, accepted_s=[5.0, 0.0, 0.1], delays_s=[0.6, 0.6, 1.0])
    assert simulated_delays(seen, count=1, work_s=0.5, alone_s=0.6) == pytest.approx([0.6, 1.0, 0.6])
    assert simulated_delays(seen, count=2, work_s=0.5, alone_s=0.6) == pytest.approx([0.6, 0.6, 0.6])


def test_notes_an_hour_are_those_of_the_whole_time() -> None:
    assert Passed(7.2, 1.0, 0.1, accepted_s=[0.0] * 4, delays_s=[0.5] * 4).an_hour == pytest.approx(2000)


def test_a_caller_is_one_table_of_lua() -> None:
    caller = Caller("sk_live_a", 'it\'s a "secret"', ["n1", "n2"])
    assert caller.lua == '{key = "sk_live_a", secret = "it\'s a \\"secret\\"", notes = {"n1", "n2"}}'


def test_the_queues_bars_are_medians_and_ratios_of_one_round() -> None:
    found = queue_report(
        Result(
            start_ms=[3.0, 4.0, 50.0],
            through=[Through(per_second, 3.9, 0.02) for per_second in (290.0, 310.0, 500.0)],
            jobs_a_second={1: [10.0, 20.0, 10.0], 2: [19.0, 30.0, 20.0]},
            others_meanwhile=0.03,
        )
    )
    assert [(goal.measured, goal.met) for goal in found.goals] == [(4.0, True), (310, True), (1.9, True)]
    assert found.conditions.others == 0.03
    assert found.conditions.doubts == []
    assert {"part": "start, p99", "measured": "50.0 ms"} in found.rows
