"""How long notes wait for a worker: discrete events, on paper.

Notes arrive at random, at a steady rate or in bursts, wait in one queue, and are taken by whichever worker
is free, as the product's workers take jobs. A worker takes up to `batch` waiting notes at a time. Nothing
else of the service is in it: docs/scaling.md says what it is for, docs/performance.md how near it comes.

    python -m bench.simulate --rate 10 --note-s 0.25 --workers 3,4,6 [--bursts 4] [--batch 1] [--hours 1]
                             [--json]
"""

import argparse
import heapq
import json
import math
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from bench.figures import percentile

_HOUR_S = 3600.0
# How long it rains notes, and how long one cycle of rain and calm is, on average.
_BURST_S, _CYCLE_S = 10.0, 60.0


@dataclass(frozen=True)
class Workers:
    """What takes notes off the queue.

    Attributes:
        count: Workers, or GPUs.
        work_s: How long one is at work on so many notes taken together.
        batch: Most notes that one takes at a time.
    """

    count: int
    work_s: Callable[[int], float]
    batch: int = 1


@dataclass(frozen=True)
class Waiting:
    """How notes fared, in seconds; a delay is from the arrival to the end of the work."""

    workers: int
    busy: float
    wait_mean_s: float
    delay_p50_s: float
    delay_p95_s: float
    delay_p99_s: float


@dataclass(frozen=True)
class Note:
    arrived_s: float
    begun_s: float
    done_s: float


def steady(rate: float, chance: random.Random) -> Iterator[float]:
    """Times of arrivals that know nothing of each other, `rate` a second."""
    at_s = 0.0
    while True:
        at_s += chance.expovariate(rate)
        yield at_s


def bursts(rate: float, times: float, chance: random.Random) -> Iterator[float]:
    """As many arrivals as `steady`, but every minute or so ten seconds in which they are `times` as many."""
    if not 1 <= times <= _CYCLE_S / _BURST_S:
        raise ValueError(f"bursts of {times:g} times the rate leave nothing for the rest of the time")
    calm_s = _CYCLE_S - _BURST_S
    phases = [(times * rate, _BURST_S), (rate * (_CYCLE_S - times * _BURST_S) / calm_s, calm_s)]
    begin_s, is_calm = 0.0, True
    while True:
        phase_rate, length_s = phases[is_calm]
        end_s = begin_s + chance.expovariate(1 / length_s)
        at_s = begin_s
        while phase_rate > 0 and (at_s := at_s + chance.expovariate(phase_rate)) < end_s:
            yield at_s
        begin_s, is_calm = end_s, not is_calm


def run(arrivals_s: Sequence[float], workers: Workers) -> list[Note]:
    """What becomes of notes that arrive at these times, in their order.

    The events are workers that come free: each then takes what waits, or waits for what comes next.
    """
    free_s = [0.0] * workers.count
    done: list[Note] = []
    while len(done) < len(arrivals_s):
        first = len(done)
        begun_s = max(heapq.heappop(free_s), arrivals_s[first])
        last = first + 1
        while last - first < workers.batch and last < len(arrivals_s) and arrivals_s[last] <= begun_s:
            last += 1
        end_s = begun_s + workers.work_s(last - first)
        done += [Note(at_s, begun_s, end_s) for at_s in arrivals_s[first:last]]
        heapq.heappush(free_s, end_s)
    return done


def summary(notes: Sequence[Note], workers: int) -> Waiting:
    """The figures of these notes, all of which count."""
    delays_s = [note.done_s - note.arrived_s for note in notes]
    # Notes of one batch began together, and kept their worker busy once.
    at_work_s = sum(end_s - begun_s for begun_s, end_s in _turns(notes))
    return Waiting(
        workers,
        at_work_s / (workers * (max(note.done_s for note in notes) - notes[0].arrived_s)),
        statistics.fmean(note.begun_s - note.arrived_s for note in notes),
        *(percentile(delays_s, share) for share in (0.5, 0.95, 0.99)),
    )


def _turns(notes: Sequence[Note]) -> Iterator[tuple[float, float]]:
    before: tuple[float, float] | None = None
    for note in notes:
        turn = note.begun_s, note.done_s
        if turn != before:
            yield turn
        before = turn


def erlang_c(rate: float, note_s: float, workers: int) -> float:
    """The mean wait, in seconds, of M/M/c: steady arrivals, and work of a random length (exponential).

    Agner Krarup Erlang, 1917; see any text on queues. For one worker twice M/D/1's (Pollaczek and
    Khinchin).
    """
    offered = rate * note_s
    if offered >= workers:
        return math.inf
    blocked = 1.0  # Erlang B, worker by worker.
    for number in range(1, workers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    waits = blocked / (1 - offered / workers * (1 - blocked))
    return waits * note_s / (workers - offered)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rate", type=float, required=True, help="notes a second")
    options.add_argument("--note-s", type=float, required=True, help="a worker's time for one note")
    options.add_argument("--more-s", type=float, help="for each further note of a batch; as --note-s")
    options.add_argument("--batch", type=int, default=1, help="notes a worker takes at a time")
    options.add_argument("--workers", default="1", help="numbers of them, with commas between")
    options.add_argument("--bursts", type=float, default=1, help="times the rate, ten seconds of each minute")
    options.add_argument("--hours", type=float, default=1)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    more_s = chosen.note_s if chosen.more_s is None else chosen.more_s
    chance = random.Random(chosen.seed)
    coming = steady(chosen.rate, chance)
    if chosen.bursts != 1:
        coming = bursts(chosen.rate, chosen.bursts, chance)
    arrivals_s = within(coming, chosen.hours * _HOUR_S)
    found = [
        summary(
            run(arrivals_s, Workers(count, lambda notes: chosen.note_s + (notes - 1) * more_s, chosen.batch)),
            count,
        )
        for count in map(int, chosen.workers.split(","))
    ]
    print(json.dumps([asdict(one) for one in found], indent=1) if chosen.json else readable(found))


def within(coming: Iterator[float], seconds: float) -> list[float]:
    """The arrivals of so many seconds."""
    found: list[float] = []
    for at_s in coming:
        if at_s > seconds:
            break
        found.append(at_s)
    return found


def readable(found: Sequence[Waiting]) -> str:
    lines = [f"{'workers':>8}{'busy':>8}{'wait, mean':>12}{'delay p50':>12}{'p95':>10}{'p99':>10}   seconds"]
    lines += [
        f"{one.workers:8}{one.busy:8.0%}{one.wait_mean_s:12.3f}{one.delay_p50_s:12.3f}"
        f"{one.delay_p95_s:10.3f}{one.delay_p99_s:10.3f}"
        for one in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
