"""Workers for the queue's benchmark: processes that run the product's queue, and say when each job began."""

import asyncio
import multiprocessing.connection
import os
import struct
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from procrastinate import App
from threadpoolctl import threadpool_limits

from vocafuse_server.core.database import Database
from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.queue import Queue, Task
from vocafuse_server.core.settings import Settings
from vocafuse_server.jobs.running import Crew, run_queues

_PLACES = 8  # As many as the product's default has transcriptions in flight.
_PATIENCE_S = 60.0
_WIDTH = 512
_RECORD = struct.Struct("<qd")
"""What a worker says of a job: its number, and when it began."""


class Connection(Protocol):
    """One end of a pipe between two processes."""

    def fileno(self) -> int: ...

    def poll(self, timeout: float = 0.0) -> bool: ...

    def send_bytes(self, buf: bytes) -> None: ...

    def recv_bytes(self) -> bytes: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Work:
    """What the jobs of a worker do, and where.

    Attributes:
        products: How many matrices each job multiplies.
        core: The only one that the worker may use; None for all.
    """

    places: int = _PLACES
    products: int = 0
    core: int | None = None


class Fleet:
    """Workers in processes of their own, which say when each job began."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections
        self._seen: deque[tuple[int, float]] = deque()

    def started(self) -> tuple[int, float]:
        """A job that has begun: its number, and the time (of `time.monotonic`). Waits for one."""
        while not self._seen:
            ready = multiprocessing.connection.wait([one.fileno() for one in self._connections], _PATIENCE_S)
            if not ready:
                raise SystemExit(f"No job began within {_PATIENCE_S:.0f} s.")
            for one in self._connections:
                while one.poll():
                    self._seen.append(_RECORD.unpack(one.recv_bytes()))
        return self._seen.popleft()


@contextmanager
def fleet(url: str, works: Sequence[Work]) -> Generator[Fleet]:
    """Worker processes that are ready, while the block runs."""
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        connections: list[Connection] = []
        for work in works:
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=_worker, args=(url, work, theirs))
            process.start()
            theirs.close()
            stack.callback(process.join)
            stack.callback(ours.close)
            connections.append(ours)
        for one in connections:
            if not one.poll(_PATIENCE_S) or one.recv_bytes() != b"ready":
                raise SystemExit("A worker did not start.")
        yield Fleet(connections)


def _worker(url: str, work: Work, connection: Connection) -> None:
    if work.core is not None:
        os.sched_setaffinity(0, [work.core])
    configure_logging(Settings(log_level="warning"))
    threadpool_limits(1, user_api="blas")
    asyncio.run(_work(url, work, connection))


async def _work(url: str, work: Work, connection: Connection) -> None:
    """Run the queue until the other end closes."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(connection.fileno(), stop.set)

    async def job(number: int, tenant_id: str) -> None:
        connection.send_bytes(_RECORD.pack(number, time.monotonic()))
        if work.products:
            await asyncio.to_thread(_multiply, work.products)

    def register(app: App) -> None:
        app.task(name=Task.TRANSCRIBE_NOTE.value)(job)

    database = Database(url, pool_size=2)
    crew = Crew(
        database=database,
        database_url=url,
        direct_url=None,
        places={Queue.TRANSCRIPTION: work.places},
        pool_size=10,
        stop_s=5,
        is_alone=False,
        register=register,
    )
    await run_queues(crew, stop, on_ready=lambda: connection.send_bytes(b"ready"))
    await database.close()


def _multiply(products: int) -> None:
    matrix = np.ones((_WIDTH, _WIDTH), np.float32)
    product = np.empty_like(matrix)
    for _ in range(products):
        np.matmul(matrix, matrix, out=product)
