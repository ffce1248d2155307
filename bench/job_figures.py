"""What the queue's benchmark found, and what should have been."""

import itertools
import statistics
from dataclasses import dataclass

from bench.figures import percentile
from bench.report import Goal, Report, Row, conditions

START_BAR_MS, THROUGH_BAR, DOUBLING_BAR = 30.0, 300.0, 1.8
IDLE_WORKERS = 2


@dataclass(frozen=True)
class Through:
    """What went through the queue; processor time is that of all who took part."""

    per_second: float
    cpu_ms_a_job: float
    others: float


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
        jobs_a_second: Of each number of workers that compute, a round each.
        others_meanwhile: Share of the machine that went to somebody else while they did.
    """

    start_ms: list[float]
    through: list[Through]
    jobs_a_second: dict[int, list[float]]
    others_meanwhile: float

    @property
    def start_p50_ms(self) -> float:
        return statistics.median(self.start_ms)

    @property
    def per_second(self) -> float:
        return statistics.median(one.per_second for one in self.through)

    def times(self, fewer: int, more: int) -> float:
        """The median over the rounds of how much more so many workers do."""
        pairs = zip(self.jobs_a_second[fewer], self.jobs_a_second[more], strict=True)
        return statistics.median(many / few for few, many in pairs)

    @property
    def steps(self) -> list[tuple[int, int]]:
        return list(itertools.pairwise(self.jobs_a_second))


def report(result: Result) -> Report:
    """The figures, for the page of the load test."""
    start = Goal("Half of the jobs start within", round(result.start_p50_ms, 1), START_BAR_MS, False, "ms")
    through = Goal("Jobs a second through Postgres", round(result.per_second), THROUGH_BAR, at_least=True)
    doubling = [
        Goal(
            f"Jobs that compute, {more} workers beside {fewer}",
            round(result.times(fewer, more), 2),
            DOUBLING_BAR,
            True,
            "x",
        )
        for fewer, more in result.steps
    ]
    cost_ms = statistics.median(one.cpu_ms_a_job for one in result.through)
    computed = [
        (f"computing, {workers} worker{'s' if workers > 1 else ''}", f"{statistics.median(jobs):.1f} jobs/s")
        for workers, jobs in result.jobs_a_second.items()
    ]
    figures = [
        (f"start, {len(result.start_ms)} jobs, p50", f"{result.start_p50_ms:.1f} ms"),
        ("start, p99", f"{percentile(result.start_ms, 0.99):.1f} ms"),
        ("doing nothing", f"{result.per_second:.0f} jobs/s"),
        ("doing nothing, processor time of all a job", f"{cost_ms:.1f} ms"),
        *computed,
    ]
    others = max(result.others_meanwhile, *(one.others for one in result.through))
    rows: list[Row] = [{"part": name, "measured": value} for name, value in figures]
    return Report(
        "job_queue",
        _ABOUT,
        conditions(rounds=len(result.through), others=others),
        rows,
        [start, through, *doubling],
    )


_ABOUT = (
    "The product's own queue over a Postgres that flushes what it commits, without the rest of the service:"
    " each job is put there in a transaction of its own, in its tenant's turn. Its start is on an idle fleet"
    f" of {IDLE_WORKERS} workers, from before the commit to the job's first line; jobs that do nothing go as"
    " fast as they can, all on the same cores; jobs that compute multiply matrices for 56 ms, one at a time,"
    " in workers of one core each, which Postgres uses too."
)
