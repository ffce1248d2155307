"""Single rows, straight from libpq."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Text, bindparam, cast, func, literal_column, select
from support.app import Account, SettableClock
from support.notes import make_note

from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import TenantId, new_uuid
from vocafuse_server.core.reading import RowQuery, RowReader
from vocafuse_server.notes import queries
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import NoteRow, NoteStatus

BACKEND = RowQuery(tuple, select(func.pg_backend_pid()))
ECHO = RowQuery(tuple, select(cast(bindparam("text"), Text)))
ENDLESS = RowQuery(tuple, select(func.pg_sleep(3600)))
WRONG = RowQuery(tuple, select(literal_column("1 / 0")))


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[RowReader]:
    reader = RowReader(libpq_url(database_url), max_connections=2)
    yield reader
    await reader.close()


def close_connections(database_url: str) -> None:
    with psycopg.connect(libpq_url(database_url), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def backend(rows: RowReader) -> int:
    found = await rows.find(BACKEND)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("status", NoteStatus)
async def test_a_row_holds_what_the_model_holds(
    database: Database, account: Account, clock: SettableClock, status: NoteStatus
) -> None:
    async with database.transaction() as session:
        note_id = await make_note(
            session, account.id, created_at=clock.now, status=status, identity="ä", tags={"job": "é"}
        )
        note = await queries.find_note(session, Owner(account.id, "ä"), note_id)
    for owner in (Owner(account.id, "ä"), Owner(account.id, None)):
        row = await queries.read_note(database.rows, owner, note_id)
        assert row is not None
        assert row == tuple(getattr(note, name) for name in NoteRow._fields)
        assert [type(value) for value in row] == [type(getattr(note, name)) for name in NoteRow._fields]


async def test_others_see_nothing(database: Database, account: Account, clock: SettableClock) -> None:
    async with database.transaction() as session:
        note_id = await make_note(session, account.id, created_at=clock.now, identity="one")
    for owner in (Owner(account.id, "two"), Owner(TenantId(new_uuid()), None)):
        assert await queries.read_note(database.rows, owner, note_id) is None


async def test_rows_read_at_once_share_the_connections(rows: RowReader) -> None:
    found = await asyncio.gather(*(rows.find(ECHO, text=f"text {number}") for number in range(50)))
    assert found == [(f"text {number}",) for number in range(50)]
    assert len({await backend(rows) for _ in range(3)}) == 1
    busy = await asyncio.gather(*(backend(rows) for _ in range(50)))
    assert len(set(busy)) <= 2


async def test_what_is_larger_than_the_sockets_buffer_arrives_whole(rows: RowReader) -> None:
    text = "ü" * 5_000_000
    assert await rows.find(ECHO, text=text) == (text,)


async def test_a_query_that_fails_costs_its_connection_only(rows: RowReader) -> None:
    before = await backend(rows)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await rows.find(WRONG)
    with pytest.raises(psycopg.DataError):
        await rows.find(ECHO, text="NUL \x00")
    assert await backend(rows) != before


async def test_a_reader_that_goes_away_leaves_room_for_the_next(rows: RowReader) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await rows.find(ENDLESS)
    assert await rows.find(ECHO, text="still there") == ("still there",)


async def test_connections_that_postgres_closed_cost_no_request(rows: RowReader, database_url: str) -> None:
    before = await asyncio.gather(backend(rows), backend(rows))
    close_connections(database_url)
    assert await backend(rows) not in before


async def test_a_query_that_postgres_cuts_off_is_told(rows: RowReader, database_url: str) -> None:
    endless = asyncio.create_task(rows.find(ENDLESS))
    with psycopg.connect(libpq_url(database_url), autocommit=True) as admin:
        while not admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(%' AND pid <> pg_backend_pid()"
        ).fetchone():
            await asyncio.wait([endless], timeout=0.01)
    close_connections(database_url)
    with pytest.raises(ServiceUnavailable):
        await endless


async def test_no_database_is_told() -> None:
    nowhere = RowReader("postgresql://nobody@127.0.0.1:1/none", max_connections=1)
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await nowhere.find(BACKEND)
