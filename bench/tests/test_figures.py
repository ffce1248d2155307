"""Figures of runs: medians over rounds, ratios within a round."""

from pathlib import Path

import pytest

from bench.clips import Clip
from bench.figures import (
    changed_texts,
    latency_p50,
    middle,
    middle_row,
    peer_row,
    percentile,
    run_row,
    times_better,
    wall,
)
from bench.report import Row
from bench.rounds import Run


def make_run(peer: str, number: int, wall_s: float = 1.0, *, texts: tuple[str, ...] = ("yes",)) -> Run:
    latencies_s = [wall_s / len(texts)] * len(texts)
    return Run(peer, number, wall_s, 2 * wall_s, 0.0, 100.0 + number, latencies_s, list(texts))


def test_a_ratio_is_of_one_round() -> None:
    # The second round was ten times as slow for both; of the medians alone the ratio would be 10.
    runs = [make_run("a", 0, 1), make_run("b", 0, 2), make_run("b", 1, 20), make_run("a", 1, 10)]
    assert times_better(runs, "a", "b") == 2


def test_ratios_are_medians_over_the_rounds() -> None:
    runs = [make_run("a", number, 1) for number in range(3)]
    runs += [make_run("b", number, wall_s) for number, wall_s in enumerate((2, 9, 3))]
    assert times_better(runs, "a", "b") == 3
    assert times_better(runs, "a", "b", latency_p50) == 3
    assert middle(runs, "b", wall) == 3


def test_a_row_of_rounds_has_the_median_of_each_figure() -> None:
    rows: list[Row] = [
        {"notes": "1,000", "per_second": rate, "cpu_ms": cost}
        for rate, cost in ((5, 2.0), (9, 1.0), (7, 3.0))
    ]
    assert middle_row(rows) == {"notes": "1,000", "per_second": 7, "cpu_ms": 2.0}
    assert middle_row(rows[:1]) == rows[0]


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.75, 3), (0.95, 4), (1.0, 4)])
def test_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_changed_texts_are_those_of_the_worst_round() -> None:
    runs = [make_run("a", number, texts=("one", "two")) for number in range(2)]
    runs += [make_run("b", 0, texts=("one", "two")), make_run("b", 1, texts=("one", "too"))]
    assert changed_texts(runs, "a", "b") == 1


def test_a_peers_row_has_medians_and_the_highest_peak() -> None:
    clips = [Clip(Path("a.wav"), "yes", "en", 6.0)]
    rows = [run_row(make_run("a", number, wall_s), clips) for number, wall_s in enumerate((3, 1, 2))]
    rows.append(run_row(make_run("b", 0, 50), clips))
    row = peer_row(rows, "a", seconds=6.0)
    assert row == {
        "peer": "a",
        "wall_s": 2,
        "cpu_s": 4,
        "latency_p50_s": 2,
        "latency_p95_s": 2,
        "wer_english": 0,
        "wer_others": None,
        "peak_mb": 102,
        "x_real_time": 3,
    }
