"""The batcher: everybody gets their own result, soon, whatever the others do."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as given_settings
from hypothesis import strategies as st

from vocafuse_server.transcription.batcher import MicroBatcher

Request = tuple[str, int]  # what it may share a batch with, and a number


class Work:
    """Squares numbers, fails on negative ones, remembers its batches, and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, requests: Sequence[Request]) -> list[int]:
        self.batches.append(list(requests))
        self.started.release()
        self.gate.wait(10)
        if any(number < 0 for _, number in requests):
            raise ValueError("poison")
        return [number * number for _, number in requests]


def batcher(
    work: Work, *, workers: int = 1, max_batch: int = 4, max_waiting: int = 100
) -> MicroBatcher[Request, int]:
    return MicroBatcher(
        work,
        key=lambda request: request[0],
        workers=workers,
        max_batch=lambda request: max_batch,
        max_waiting=max_waiting,
    )


async def begun(work: Work) -> None:
    """Wait until the work has taken a batch."""
    assert await asyncio.to_thread(work.started.acquire, timeout=10)


@given_settings(deadline=None, max_examples=50)
@given(
    requests=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)), max_size=30),
    workers=st.integers(1, 3),
    max_batch=st.integers(1, 5),
    max_waiting=st.integers(1, 10),
)
async def test_everybody_gets_their_own_result(
    requests: list[Request], workers: int, max_batch: int, max_waiting: int
) -> None:
    work = Work()
    batches = batcher(work, workers=workers, max_batch=max_batch, max_waiting=max_waiting)
    results = await asyncio.gather(*(batches.submit(request) for request in requests))
    await batches.close()
    assert results == [number * number for _, number in requests]
    assert sorted(request for batch in work.batches for request in batch) == sorted(requests)
    assert all(len(batch) <= max_batch and len({key for key, _ in batch}) == 1 for batch in work.batches)


async def test_a_lone_request_does_not_wait_for_company() -> None:
    work = Work()
    batches = batcher(work)
    assert await batches.submit(("a", 3)) == 9
    assert await batches.submit(("a", 4)) == 16
    await batches.close()
    assert work.batches == [[("a", 3)], [("a", 4)]]


async def test_what_collects_while_workers_are_busy_shares_a_batch_of_its_kind() -> None:
    work = Work()
    batches = batcher(work)
    work.gate.clear()
    first = asyncio.ensure_future(batches.submit(("a", 0)))
    await begun(work)
    rest = [asyncio.ensure_future(batches.submit(one)) for one in [("a", 1), ("b", 2), ("a", 3), ("b", 4)]]
    await asyncio.sleep(0)
    work.gate.set()
    await asyncio.gather(first, *rest)
    await batches.close()
    assert work.batches == [[("a", 0)], [("a", 1), ("a", 3)], [("b", 2), ("b", 4)]]


async def test_who_waits_longest_goes_first_however_many_of_another_kind_come() -> None:
    work = Work()
    batches = batcher(work, max_batch=2)
    work.gate.clear()
    first = asyncio.ensure_future(batches.submit(("a", 0)))
    await begun(work)
    late = [asyncio.ensure_future(batches.submit(("b", 1)))]
    late += [asyncio.ensure_future(batches.submit(("a", number))) for number in range(2, 8)]
    await asyncio.sleep(0)
    work.gate.set()
    await asyncio.gather(first, *late)
    await batches.close()
    assert work.batches[1] == [("b", 1)]


async def test_idle_workers_share_what_comes_at_once() -> None:
    work = Work()
    batches = batcher(work, workers=2)
    await asyncio.gather(*(batches.submit(("a", number)) for number in range(4)))
    await batches.close()
    assert [len(batch) for batch in work.batches] == [2, 2]


async def test_a_poisonous_request_fails_alone() -> None:
    work = Work()
    batches = batcher(work)
    results = await asyncio.gather(
        *(batches.submit(("a", number)) for number in (1, -2, 3, 4)), return_exceptions=True
    )
    await batches.close()
    assert [results[0], *results[2:]] == [1, 9, 16]
    assert isinstance(results[1], ValueError)


async def test_a_cancelled_request_is_not_worked_on() -> None:
    work = Work()
    batches = batcher(work)
    work.gate.clear()
    first = asyncio.ensure_future(batches.submit(("a", 0)))
    await begun(work)
    given_up, kept = (asyncio.ensure_future(batches.submit(("a", number))) for number in (1, 2))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(first, kept) == [0, 4]
    with pytest.raises(asyncio.CancelledError):
        await given_up
    await batches.close()
    assert work.batches == [[("a", 0)], [("a", 2)]]


async def test_each_batch_is_told_and_no_larger_than_its_kind_allows() -> None:
    work, told = Work(), list[int]()
    batches = MicroBatcher[Request, int](
        work,
        key=lambda request: request[0],
        workers=1,
        max_batch=lambda request: 1 if request[0] == "large" else 3,
        max_waiting=100,
        on_batch=told.append,
    )
    requests = [(kind, number) for kind in ("large", "small") for number in range(4)]
    await asyncio.gather(*(batches.submit(request) for request in requests))
    await batches.close()
    assert told == [len(batch) for batch in work.batches] == [1, 1, 1, 1, 3, 1]


async def test_no_more_wait_inside_than_allowed() -> None:
    work = Work()
    batches = batcher(work, max_batch=10, max_waiting=3)
    work.gate.clear()
    tasks = [asyncio.ensure_future(batches.submit(("a", number))) for number in range(8)]
    await begun(work)
    assert [len(batch) for batch in work.batches] == [3]
    work.gate.set()
    await asyncio.gather(*tasks)
    await batches.close()
    assert max(len(batch) for batch in work.batches) <= 3
