"""The calls that an engine has not answered yet."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager


class CallsInFlight:
    """Counts calls, so that whoever closes what they use can wait for their end."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextmanager
    def one(self) -> Generator[None]:
        """Around a call."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def ended(self) -> None:
        """Wait until there are none."""
        await self._none.wait()
