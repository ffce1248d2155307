"""One worker and two, and how long notes wait that come when they like, beside the simulation of it."""

import random
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

import psutil

from bench import simulate
from bench.figures import middle_row, number, percentile, rounded
from bench.load_parts import IN_FLIGHT, Plan, line
from bench.pipeline import Line, Passed, more_workers
from bench.report import Bar, Chart, Goal, Report, Row, conditions
from bench.requests import SAMPLE
from bench.rounds import progress
from bench.usage import Meter

# One note at a time on one thread: what a worker does with a note then depends on no other note.
ONE_BY_ONE = {
    "VOCAFUSE_TRANSCRIPTIONS_IN_FLIGHT": "1",
    "VOCAFUSE_MODEL_WORKERS": "1",
    "VOCAFUSE_MODEL_THREADS": "1",
}
COUNTS = (1, 2)
UTILISATION = 0.6
_SHARE_OFF = 20.0  # Per cent.


def workers(plan: Plan) -> Report:
    """What a second worker brings, and the waiting at each number of workers."""
    rows: list[Row] = []
    runs: list[Row] = []
    goals: list[Goal] = []
    bars: list[Bar] = []
    with ExitStack() as stack:
        server, notes = stack.enter_context(line(**ONE_BY_ONE))
        meter = Meter(psutil.Process())
        for count in COUNTS:
            if count > 1:
                more = stack.enter_context(more_workers(server, server.data_dir, count - 1, **ONE_BY_ONE))
                notes = replace(notes, processes=[*notes.processes, *more])
            rounds = [_row(notes, count, plan, seed) for seed in range(plan.rounds)]
            row = middle_row(rounds)
            runs += rounds
            rows.append(row)
            goals.append(_goal(row, count))
            bars += _bars(row, count)
        others = meter.read().others
    about = (
        "Workers of one thread, which take one note of 5.1 s at a time, on the cores that the API, Postgres"
        f" and the clients use too. Then {2 * plan.notes} notes arrive at random, so that workers are busy"
        f" {UTILISATION:.0%} of the time; the simulation is told when they arrived, how many notes an hour"
        " the workers did at most, and what a note takes alone, and finds how long each of them waited."
        " Each figure is its own median of the rounds, also that by how much the mean is off."
    )
    chart = Chart("From upload to webhook, mean", "seconds", bars)
    measured = conditions(rounds=plan.rounds, others=others)
    return Report("workers", about, measured, rows, goals, chart, runs=runs)


def _row(notes: Line, count: int, plan: Plan, seed: int) -> Row:
    alone = notes.as_fast_as_it_goes(SAMPLE, notes=max(5, plan.notes // 4), in_flight=1)
    alone_s = statistics.median(alone.delays_s)
    full = notes.as_fast_as_it_goes(SAMPLE, notes=count * plan.notes, in_flight=count * IN_FLIGHT)
    work_s = count * full.wall_s / full.notes
    coming = simulate.steady(UTILISATION * count / work_s, random.Random(f"{count} {seed}"))
    seen = notes.at_times(SAMPLE, list(islice(coming, 2 * plan.notes)))
    expected_s = simulated_delays(seen, count=count, work_s=work_s, alone_s=alone_s)
    measured_s, simulated_s = statistics.fmean(seen.delays_s), statistics.fmean(expected_s)
    row: Row = {
        "workers": f"{count}",
        "notes_an_hour": round(full.an_hour),
        "cpu_s_a_note": rounded(full.cpu_s / full.notes, 3),
        "postgres_ms_a_note": rounded(full.postgres_s / full.notes * 1000, 1),
        "alone_s": rounded(alone_s, 3),
        "measured_mean_s": rounded(measured_s, 3),
        "simulated_mean_s": rounded(simulated_s, 3),
        "mean_off_percent": rounded(100 * abs(simulated_s / measured_s - 1), 1),
        "measured_p95_s": rounded(percentile(seen.delays_s, 0.95), 3),
        "simulated_p95_s": rounded(percentile(expected_s, 0.95), 3),
    }
    progress(", ".join(f"{name} {value}" for name, value in row.items()))
    return row


def _goal(row: Row, count: int) -> Goal:
    name = f"Mean delay, simulated beside measured, {count} worker{'s' if count > 1 else ''}: off by"
    return Goal(name, number(row, "mean_off_percent"), _SHARE_OFF, at_least=False, unit="%")


def simulated_delays(seen: Passed, *, count: int, work_s: float, alone_s: float) -> list[float]:
    """From the upload to the webhook, had the same notes come to such workers in the simulation.

    Args:
        work_s: For how long a note keeps a worker from the next.
        alone_s: What a note takes that meets nobody.
    """
    arrivals_s = sorted(seen.accepted_s)
    simulated = simulate.run(arrivals_s, simulate.Workers(count, lambda _: work_s))
    return [alone_s + note.begun_s - note.arrived_s for note in simulated]


def _bars(row: Row, count: int) -> Sequence[Bar]:
    label = f"{count} worker{'s' if count > 1 else ''}"
    measured, simulated = (float(str(row[f"{kind}_mean_s"])) for kind in ("measured", "simulated"))
    return [Bar(f"{label}, measured", measured, ours=True), Bar(f"{label}, simulated", simulated, ours=False)]
