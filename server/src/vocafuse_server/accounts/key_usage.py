"""How often API keys are used: counted in memory, written in batches."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from vocafuse_server.accounts.queries import add_key_uses
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import ApiKeyId
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

WRITE_EVERY_S = 5.0


class KeyUsage:
    """The uses of API keys that this process has seen and not yet written.

    What a process that is killed has not written is lost: some seconds of counts, nothing else.
    """

    def __init__(self) -> None:
        self._uses: dict[ApiKeyId, tuple[int, datetime]] = {}

    def record(self, key_id: ApiKeyId, *, now: datetime) -> None:
        """Count one use."""
        count, _ = self._uses.get(key_id, (0, now))
        self._uses[key_id] = (count + 1, now)

    async def write(self, database: Database) -> None:
        """Add what was counted to the database, in one statement; kept for the next time if that fails."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with database.transaction() as session:
                await add_key_uses(session, uses)
        except (ServiceUnavailable, SQLAlchemyError):
            log.warning("the use of API keys could not be written; tried again later", exc_info=True)
            for key_id, (count, at) in uses.items():
                newer, latest = self._uses.get(key_id, (0, at))
                self._uses[key_id] = (count + newer, latest)

    @asynccontextmanager
    async def written_to(self, database: Database) -> AsyncGenerator[None]:
        """While the block runs, write every few seconds; and once more when it ends."""
        stop = asyncio.Event()
        writing = asyncio.create_task(self._keep_writing(database, stop))
        try:
            yield
        finally:
            stop.set()
            await writing

    async def _keep_writing(self, database: Database, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WRITE_EVERY_S)
            await self.write(database)
