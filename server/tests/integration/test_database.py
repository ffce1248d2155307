"""Connections that Postgres has closed, and sessions for reading."""

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DataError

from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.errors import ServiceUnavailable


def close_connections(database_url: str) -> None:
    """As a restart of Postgres does."""
    with psycopg.connect(libpq_url(database_url), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def backend(database: Database) -> int:
    async with database.reading() as session:
        found: int = (await session.scalars(text("SELECT pg_backend_pid()"))).one()
    return found


async def test_a_connection_that_lay_idle_is_tried_and_replaced(database_url: str) -> None:
    database = Database(database_url, pool_size=1, trusted_s=0)
    before = await backend(database)
    assert await backend(database) == before
    close_connections(database_url)
    assert await backend(database) != before
    await database.close()


async def test_a_connection_lost_a_moment_ago_costs_one_request(database_url: str) -> None:
    database = Database(database_url, pool_size=2, trusted_s=60)
    await backend(database)
    close_connections(database_url)
    with pytest.raises(ServiceUnavailable):
        await backend(database)
    assert await backend(database)
    await database.close()


async def insert_and_fail(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("INSERT INTO kept VALUES (1)"))
        await session.execute(text("SELECT 1 / 0"))


async def test_a_transaction_after_reading_is_one(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE kept (n int)"))
    await backend(database)
    with pytest.raises(DataError):
        await insert_and_fail(database)
    async with database.reading() as session:
        assert (await session.scalars(text("SELECT count(*) FROM kept"))).one() == 0
    await database.close()
