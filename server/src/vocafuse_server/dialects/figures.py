"""The database's figures for the metrics, read when they are asked for and kept for a little while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.metrics import DatabaseFigures
from vocafuse_server.core.queue import count_jobs
from vocafuse_server.notes.queries import stored_audio_bytes

log = get_logger(__name__)

T = TypeVar("T")

JOBS_KEPT_S = 5.0
# Every note is looked at; a figure that moves slowly need not be fresh.
STORED_KEPT_S = 60.0
# A scrape is given up after about ten; what processes count must not wait for a database that is busy.
_PATIENCE_S = 3.0
# What takes long to read is read the more seldom, however large the tables grow.
_REST_PER_READING = 100


class _Kept(Generic[T]):
    """A figure that is read again once it is too old. Who can't wait for that gets the old one."""

    def __init__(
        self,
        database: Database,
        read: Callable[[AsyncSession], Awaitable[T]],
        *,
        kept_s: float,
        patience_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._read = read
        self._kept_s = kept_s
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._value: T | None = None
        self._good_until_s = -float("inf")
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> T | None:
        if self._reading is None and self._monotonic() >= self._good_until_s:
            self._reading = asyncio.create_task(self._read_again())
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=self._patience_s)
        return self._value

    async def _read_again(self) -> None:
        began_s, rest_s = self._monotonic(), self._kept_s
        try:
            async with self._database.transaction() as session:
                self._value = await self._read(session)
            rest_s = max(rest_s, _REST_PER_READING * (self._monotonic() - began_s))
        except ServiceUnavailable:
            log.warning("metrics without a figure of the database", exc_info=True)
            self._value = None
        finally:
            self._good_until_s = self._monotonic() + rest_s
            self._reading = None

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])


class DatabaseReader:
    """Reads the figures; however many ask, the database is asked no more often than it has to be.

    Args:
        database: Where they are.
        patience_s: How long to wait for each figure.
        monotonic: Seconds that never go back.
    """

    def __init__(
        self,
        database: Database,
        *,
        patience_s: float = _PATIENCE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = _Kept(
            database, count_jobs, kept_s=JOBS_KEPT_S, patience_s=patience_s, monotonic=monotonic
        )
        self._stored = _Kept(
            database, stored_audio_bytes, kept_s=STORED_KEPT_S, patience_s=patience_s, monotonic=monotonic
        )

    async def read(self) -> DatabaseFigures:
        """The figures; without those that can't be had: what processes count is shown all the same."""
        return DatabaseFigures(*await asyncio.gather(self._jobs.get(), self._stored.get()))

    async def close(self) -> None:
        """Leave off reading."""
        await asyncio.gather(self._jobs.close(), self._stored.close())
