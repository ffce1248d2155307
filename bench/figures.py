"""Figures out of runs: medians over the rounds, and ratios that are each of one round."""

import math
from collections.abc import Callable, Sequence
from statistics import median

from bench.clips import Clip
from bench.report import Row
from bench.rounds import Run
from bench.scoring import error_rate

OfRun = Callable[[Run], float]


def wall(run: Run) -> float:
    return run.wall_s


def latency_p50(run: Run) -> float:
    return median(run.latencies_s)


def latency_p95(run: Run) -> float:
    return percentile(run.latencies_s, 0.95)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def of(runs: Sequence[Run], peer: str) -> list[Run]:
    """One peer's runs, a round each."""
    return sorted((run for run in runs if run.peer == peer), key=lambda run: run.round)


def middle(runs: Sequence[Run], peer: str, figure: OfRun) -> float:
    """The median over the rounds."""
    return median(figure(run) for run in of(runs, peer))


def times_better(runs: Sequence[Run], peer: str, baseline: str, figure: OfRun = wall) -> float:
    """The baseline's figure divided by the peer's of the same round; the median over the rounds."""
    theirs = {run.round: run for run in of(runs, baseline)}
    return median(figure(theirs[run.round]) / figure(run) for run in of(runs, peer))


def changed_texts(runs: Sequence[Run], peer: str, other: str) -> int:
    """How many files have not the same text from two peers, at worst of a round."""
    theirs = {run.round: run for run in of(runs, other)}
    return max(
        sum(mine != text for mine, text in zip(run.texts, theirs[run.round].texts, strict=True))
        for run in of(runs, peer)
    )


def run_row(run: Run, clips: Sequence[Clip]) -> Row:
    """One run's figures."""
    return {
        "peer": run.peer,
        "round": run.round + 1,
        "wall_s": round(run.wall_s, 3),
        "cpu_s": round(run.cpu_s, 2),
        "latency_p50_s": round(latency_p50(run), 3),
        "latency_p95_s": round(latency_p95(run), 3),
        "wer_english": rounded(error_rate(clips, run.texts, english=True)),
        "wer_others": rounded(error_rate(clips, run.texts, english=False)),
        "peak_mb": round(run.peak_mb),
        "others": round(run.others, 3),
    }


def rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)


def peer_row(run_rows: Sequence[Row], peer: str, seconds: float) -> Row:
    """The medians of a peer's runs; the memory is the most of any."""
    mine = [row for row in run_rows if row["peer"] == peer]
    row: Row = {"peer": peer}
    for name in ("wall_s", "cpu_s", "latency_p50_s", "latency_p95_s", "wer_english", "wer_others"):
        values = [value for row in mine if isinstance(value := row[name], int | float)]
        row[name] = round(median(values), 3) if values else None
    row["peak_mb"] = max(value for row in mine if isinstance(value := row["peak_mb"], int | float))
    row["x_real_time"] = round(seconds / number(row, "wall_s"), 1)
    return row


def middle_row(rows: Sequence[Row]) -> Row:
    """The medians of rows which say the same but for their numbers; the words are the first's."""
    numbers = {name for name, value in rows[0].items() if isinstance(value, int | float)}
    return {
        name: median(number(row, name) for row in rows) if name in numbers else value
        for name, value in rows[0].items()
    }


def number(row: Row, name: str) -> float:
    """A figure that is there."""
    value = row[name]
    if not isinstance(value, int | float):
        raise TypeError(f"{name} is not a number: {value!r}")
    return value
