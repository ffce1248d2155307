"""How soon a job starts, how many a second go through Postgres, and what twice the workers bring.

The queue is the product's own: jobs are put on it by `JobQueue` in a transaction each, in turns of ten
tenants, and run by `run_queues` in processes of their own, over an embedded Postgres that flushes what it
commits. Only what the jobs do is the benchmark's.

- start: an idle fleet of two workers; from just before the commit to the job's first line.
- through: jobs that do nothing, as fast as they go, a hundred outstanding; all on the same cores.
- doubling: jobs that multiply matrices for a while, one at a time, in workers that each have a core of their
  own, which Postgres uses too.

    python -m bench.job_queue [--samples 200] [--seconds 20] [--rounds 3] [--workers 1,2] [--json]
                              [--into docs]

The bars: half of the jobs start within 30 ms; 300 jobs a second; twice the workers, 1.8 times the jobs.
"""

import argparse
import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import psutil

from bench.database import database
from bench.job_figures import IDLE_WORKERS, Result, Through, report
from bench.job_fleet import Fleet, Work, fleet
from bench.load_page import write_page
from bench.page import keep
from bench.rounds import progress
from bench.tables import readable
from bench.usage import Meter
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import TenantId, new_uuid
from vocafuse_server.core.queue import JobQueue, Queue, Task

_OUTSTANDING = 100
_PRODUCERS = 8
_TENANTS = 10
_WARM_UP = 20
_PRODUCTS = 20  # Of a job that computes: 5 GFLOP, some 50 to 100 ms.
_JOBS_A_WORKER = 100


class Producer:
    """Puts jobs on the queue, as an upload does: each in a transaction, in its tenant's turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue = JobQueue()
        self._tenants = [TenantId(new_uuid()) for _ in range(_TENANTS)]

    async def put(self, number: int) -> float:
        """The time (of `time.monotonic`) just before the commit."""
        async with self._database.transaction() as session:
            await self._queue.enqueue(
                session,
                Task.TRANSCRIBE_NOTE,
                queue=Queue.TRANSCRIPTION,
                share_of=self._tenants[number % _TENANTS],
                number=number,
            )
            return time.monotonic()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--samples", type=int, default=200, help="jobs on the idle fleet")
    options.add_argument("--seconds", type=float, default=20, help="of each turn of jobs that do nothing")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--workers", default="1,2", help="how many compute, each twice the one before")
    options.add_argument("--json", action="store_true")
    options.add_argument("--into", type=Path, metavar="FOLDER", help="write JSON and page there")
    chosen = options.parse_args()
    workers = [int(number) for number in chosen.workers.split(",")]
    if workers[-1] > len(os.sched_getaffinity(0)):
        raise SystemExit("Each worker needs a core of its own.")
    with database() as url:
        result = asyncio.run(measure(url, chosen.samples, chosen.seconds, chosen.rounds, workers))
    found = report(result)
    print(json.dumps(asdict(result), indent=1) if chosen.json else readable(found))
    if chosen.into is not None:
        keep(found, chosen.into)
        write_page(chosen.into)
    sys.exit(not all(goal.met for goal in found.goals))


async def measure(url: str, samples: int, seconds: float, rounds: int, workers: Sequence[int]) -> Result:
    producing = Database(url, pool_size=_PRODUCERS + 1)
    producer = Producer(producing)
    try:
        with fleet(url, [Work()] * IDLE_WORKERS) as idle:
            start_ms = [await start_of(producer, idle, number) for number in range(_WARM_UP + samples)]
            progress(f"start: {samples} jobs on an idle fleet")
            through: list[Through] = []
            for _ in range(rounds):
                through.append(await pass_through(producer, idle, seconds))
                progress(f"through: {through[-1].per_second:.0f} jobs/s")
        found: dict[int, list[float]] = {number: [] for number in workers}
        meter = Meter(psutil.Process())
        for _ in range(rounds):
            for number in workers:
                found[number].append(await computed(url, producer, number))
                progress(f"doubling: {number} workers, {found[number][-1]:.1f} jobs/s")
        others = meter.read().others
    finally:
        await producing.close()
    return Result(start_ms[_WARM_UP:], through, found, others)


async def start_of(producer: Producer, idle: Fleet, number: int) -> float:
    """How many milliseconds one job on the idle fleet waited for its start."""
    put_at_s = await producer.put(number)
    _, started_at_s = await asyncio.to_thread(idle.started)
    await asyncio.sleep(0.02)  # The worker says what came of the job, and is idle again.
    return (started_at_s - put_at_s) * 1000


async def pass_through(producer: Producer, fleet: Fleet, seconds: float) -> Through:
    """Jobs that do nothing, for so long, with no more outstanding than may be."""
    room = asyncio.Semaphore(_OUTSTANDING)
    numbers = itertools.count()
    until_s = time.monotonic() + seconds

    async def put_one_after_another() -> int:
        put = 0
        while time.monotonic() < until_s:
            await room.acquire()
            await producer.put(next(numbers))
            put += 1
        return put

    meter = Meter(psutil.Process())
    putting = asyncio.gather(*(put_one_after_another() for _ in range(_PRODUCERS)))
    began = 0
    while not putting.done() or began < sum(putting.result()):
        await asyncio.to_thread(fleet.started)
        began += 1
        room.release()
    usage = meter.read()
    return Through(began / usage.wall_s, usage.cpu_s * 1000 / began, usage.others)


async def computed(url: str, producer: Producer, workers: int) -> float:
    """Jobs a second of so many workers that compute; all jobs wait before the first worker comes."""
    jobs = workers * _JOBS_A_WORKER
    for number in range(jobs):
        await producer.put(number)
    cores = sorted(os.sched_getaffinity(0))
    with fleet(url, [Work(1, _PRODUCTS, core) for core in cores[:workers]]) as busy:
        at_s = sorted([(await asyncio.to_thread(busy.started))[1] for _ in range(jobs)])
    # Not while some have begun and others not, nor while some have ended.
    middle = at_s[jobs // 10 : -jobs // 10]
    return (len(middle) - 1) / (middle[-1] - middle[0])


if __name__ == "__main__":
    main()
