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


class _Kept(Generic[T]):
    """A figure that is read again once it is too old."""

    def __init__(self, read: Callable[[AsyncSession], Awaitable[T]], *, kept_s: float) -> None:
        self._read = read
        self._kept_s = kept_s
        self._value: T | None = None
        self._read_at = -float("inf")

    async def get(self, session: AsyncSession, now_s: float) -> T:
        if self._value is None or now_s - self._read_at > self._kept_s:
            self._value = await self._read(session)
            self._read_at = now_s
        return self._value


class DatabaseReader:
    """Reads the figures; however many ask, the database is asked no more often than it has to be.

    Args:
        database: Where they are.
        monotonic: Seconds that never go back.
    """

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._jobs = _Kept(count_jobs, kept_s=JOBS_KEPT_S)
        self._stored = _Kept(stored_audio_bytes, kept_s=STORED_KEPT_S)
        self._turn = asyncio.Lock()

    async def read(self) -> DatabaseFigures | None:
        """The figures; None if the database can't be reached: what processes count is shown all the same."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._turn, self._database.transaction() as session:
                now_s = self._monotonic()
                return DatabaseFigures(
                    await self._jobs.get(session, now_s), await self._stored.get(session, now_s)
                )
        except (ServiceUnavailable, TimeoutError):
            log.warning("metrics without the database's figures", exc_info=True)
            return None
