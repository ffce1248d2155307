"""Time as this library uses it, so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """Seconds of a clock that only goes on, and how a thread waits."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


async def _sleep(seconds: float) -> None:
    # Works under asyncio and trio; loaded here, since those who wait for nothing need it not.
    from anyio import sleep

    await sleep(seconds)


@dataclass(frozen=True)
class AsyncClock:
    """The same for a task."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = _sleep
