"""The simulated queue, beside what is known of queues."""

import random
from collections.abc import Callable, Sequence
from itertools import islice
from statistics import fmean

import pytest

from bench.simulate import Workers, bursts, erlang_c, run, steady, summary, within

NOTES = 40_000
NEAR = 0.06  # Of a mean of so many waits, which depend on each other.


def arrivals(rate: float, seed: int = 1) -> list[float]:
    return list(islice(steady(rate, random.Random(seed)), NOTES))


def exponential(mean_s: float) -> Callable[[int], float]:
    chance = random.Random(7)
    return lambda _: chance.expovariate(1 / mean_s)


def mean_wait_s(arrivals_s: Sequence[float], workers: Workers) -> float:
    return summary(run(arrivals_s, workers), workers.count).wait_mean_s


def test_one_worker_with_random_work_is_m_m_1() -> None:
    # Mean wait: rho / (mu - lambda).
    expected_s = 0.6 / (10 - 6)
    assert erlang_c(6, 0.1, 1) == pytest.approx(expected_s)
    assert mean_wait_s(arrivals(6), Workers(1, exponential(0.1))) == pytest.approx(expected_s, rel=NEAR)


def test_one_worker_with_equal_work_is_m_d_1() -> None:
    # Half of M/M/1's wait, by Pollaczek and Khinchin.
    expected_s = erlang_c(6, 0.1, 1) / 2
    assert mean_wait_s(arrivals(6), Workers(1, lambda _: 0.1)) == pytest.approx(expected_s, rel=NEAR)


@pytest.mark.parametrize("workers", [2, 5])
def test_several_workers_with_random_work_are_m_m_c(workers: int) -> None:
    rate = 6.0 * workers
    expected_s = erlang_c(rate, 0.1, workers)
    found_s = mean_wait_s(arrivals(rate), Workers(workers, exponential(0.1)))
    assert found_s == pytest.approx(expected_s, rel=NEAR)


def test_erlangs_formula_gives_the_textbooks_figure() -> None:
    # Two workers at half load: a third of the notes wait; the mean is a third of the work's length.
    assert erlang_c(1.0, 1.0, 2) == pytest.approx(1 / 3)
    assert erlang_c(2.0, 1.0, 2) == float("inf")


def test_workers_are_as_busy_as_the_rate_says() -> None:
    found = summary(run(arrivals(12), Workers(2, lambda _: 0.1)), 2)
    assert found.busy == pytest.approx(0.6, rel=0.02)
    assert found.delay_p50_s <= found.delay_p95_s <= found.delay_p99_s


def test_what_waits_is_taken_together_and_keeps_its_order() -> None:
    notes = run([0.0, 0.1, 0.2, 0.3], Workers(1, lambda size: 1.0 + size, batch=2))
    assert [note.begun_s for note in notes] == [0.0, 2.0, 2.0, 5.0]
    assert [note.done_s for note in notes] == [2.0, 5.0, 5.0, 7.0]
    assert summary(notes, 1).busy == 1.0


def test_batches_carry_what_single_notes_can_not() -> None:
    def work_s(size: int) -> float:
        return 0.1 + 0.01 * size

    single = summary(run(arrivals(20)[:5000], Workers(1, work_s)), 1)
    together = summary(run(arrivals(20)[:5000], Workers(1, work_s, batch=16)), 1)
    assert single.delay_p50_s > 60
    assert together.delay_p99_s < 0.5


def test_bursts_bring_as_many_notes_and_longer_waits() -> None:
    hours_s = 20 * 3600
    found = within(bursts(1.0, 4.0, random.Random(3)), hours_s)
    assert len(found) == pytest.approx(hours_s, rel=0.05)
    assert found == sorted(found)
    work = Workers(2, lambda _: 1.0)
    calm_s = fmean(note.begun_s - note.arrived_s for note in run(arrivals(1.0), work))
    burst_s = fmean(note.begun_s - note.arrived_s for note in run(found, work))
    assert burst_s > 3 * calm_s


def test_bursts_that_would_need_more_than_all_are_refused() -> None:
    with pytest.raises(ValueError, match="leave nothing"):
        next(bursts(1.0, 7.0, random.Random(1)))
