"""Listening to the database: whatever comes over the channel, and whatever Postgres says, it goes on."""

import asyncio

import structlog
from sqlalchemy import text

from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.notifications import Listener


async def test_a_notification_that_nobody_can_read_is_passed_over(
    database: Database, database_url: str
) -> None:
    listens, numbers = asyncio.Event(), asyncio.Queue[int]()
    listener = Listener(
        libpq_url(database_url),
        "numbers",
        heard=lambda payload: numbers.put_nowait(int(payload)),
        missed=listens.set,
    )
    listener.start()
    async with asyncio.timeout(20):
        await listens.wait()
        async with database.transaction() as session:
            await session.execute(text("SELECT pg_notify('numbers', n) FROM unnest(ARRAY['one', '2']) AS n"))
        assert await numbers.get() == 2
    await listener.close()


async def test_a_listener_that_postgres_refuses_tries_again(database: Database, database_url: str) -> None:
    nameless = ""  # As good as a standby, which refuses all channels.
    listener = Listener(libpq_url(database_url), nameless, heard=print, missed=lambda: None)
    with structlog.testing.capture_logs() as lines:
        listener.start()
        async with asyncio.timeout(20):
            while len(lines) < 2:
                await database.ping()
    await listener.close()
    assert "zero-length delimited identifier" in lines[1]["error"]
