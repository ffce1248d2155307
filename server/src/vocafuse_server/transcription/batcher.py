"""Runs the requests of concurrent callers in batches, without making anybody wait for company.

A request that finds a worker idle starts at once (with those that came in the same turn of the event
loop). While all workers are busy, requests collect; the worker that comes free takes the one that has
waited longest and those that fit it, so nobody is overtaken for ever. A batch that fails is run again one
by one: the request at fault fails alone.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Request, Result]):
    request: Request
    key: Hashable
    result: "asyncio.Future[Result]"


class MicroBatcher(Generic[Request, Result]):
    """Collects requests into batches for a few blocking workers.

    Args:
        run: Does the work for a batch, in a thread; one result for each request, in order.
        key: What requests must have in common to share a batch.
        workers: Batches that run at the same time.
        max_batch: Requests in a batch with this one, at most; the same for all of one key.
        max_waiting: Requests held here, at most; further callers wait outside.
        on_batch: Told of each batch's size before it runs.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Request]], Sequence[Result]],
        *,
        key: Callable[[Request], Hashable],
        workers: int,
        max_batch: Callable[[Request], int],
        max_waiting: int,
        on_batch: Callable[[int], None] = lambda size: None,
    ) -> None:
        self._run = run
        self._key = key
        self._max_batch = max_batch
        self._on_batch = on_batch
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="batch")
        self._idle = workers
        self._places = asyncio.Semaphore(max_waiting)
        self._waiting: list[_Waiting[Request, Result]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, request: Request) -> Result:
        """The result for one request; to cancel the call takes it out of the queue.

        Raises:
            Whatever `run` raises for this request alone.
        """
        async with self._places:
            loop = asyncio.get_running_loop()
            entry: _Waiting[Request, Result] = _Waiting(request, self._key(request), loop.create_future())
            self._waiting.append(entry)
            # Not now but in a moment: what else this turn of the event loop brings goes along.
            loop.call_soon(self._dispatch)
            return await entry.result

    async def close(self) -> None:
        """Wait for the batches that run; nothing may be submitted any more."""
        await asyncio.gather(*self._running)
        self._threads.shutdown()

    def _dispatch(self) -> None:
        while self._idle and (batch := self._take()):
            self._idle -= 1
            task = asyncio.get_running_loop().create_task(self._work(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _take(self) -> list[_Waiting[Request, Result]]:
        """The longest waiting request and those that fit it: a fair share for each idle worker."""
        self._waiting = [entry for entry in self._waiting if not entry.result.cancelled()]
        if not self._waiting:
            return []
        key = self._waiting[0].key
        fitting = [entry for entry in self._waiting if entry.key == key]
        share = -(-len(fitting) // self._idle)
        batch = fitting[: min(share, self._max_batch(fitting[0].request))]
        taken = {id(entry) for entry in batch}
        self._waiting = [entry for entry in self._waiting if id(entry) not in taken]
        return batch

    async def _work(self, batch: list[_Waiting[Request, Result]]) -> None:
        self._on_batch(len(batch))
        try:
            await self._settle(batch)
        finally:
            self._idle += 1
            self._dispatch()

    async def _settle(self, batch: list[_Waiting[Request, Result]]) -> None:
        loop = asyncio.get_running_loop()
        requests = [entry.request for entry in batch]
        try:
            results = await loop.run_in_executor(self._threads, self._run, requests)
        except Exception as error:  # noqa: BLE001 - whatever it is goes to whoever asked
            if len(batch) > 1:
                for entry in batch:
                    if not entry.result.done():
                        await self._settle([entry])
            elif not batch[0].result.done():
                batch[0].result.set_exception(error)
            return
        for entry, result in zip(batch, results, strict=True):
            if not entry.result.done():
                entry.result.set_result(result)
