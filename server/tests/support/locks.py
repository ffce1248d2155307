"""Seeing who waits for a lock in the database."""

import asyncio

from sqlalchemy import text

from vocafuse_server.core.database import Database

_WAITING = text(
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND starts_with(query, :beginning)"
)


async def process_waiting_in(database: Database, beginning: str) -> int:
    """The process that waits for a lock in a statement with this beginning, once there is one."""
    async with asyncio.timeout(20):
        while True:
            async with database.transaction() as session:  # each sees the processes as they are then
                process = await session.scalar(_WAITING, {"beginning": beginning})
            if process is not None:
                assert isinstance(process, int)
                return process
