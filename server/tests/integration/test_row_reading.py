"""Single rows, straight from libpq."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import Text, bindparam, cast, func, literal_column, select
from support.app import Account, SettableClock
from support.notes import make_note

from vocafuse_server.accounts.models import Tenant
from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import TenantId, new_uuid
from vocafuse_server.core.reading import RowQuery, RowReader
from vocafuse_server.notes import queries
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import NoteStatus, ShownNote

BACKEND = RowQuery(tuple, select(func.pg_backend_pid()))
ECHO = RowQuery(tuple, select(cast(bindparam("text"), Text)))
ENDLESS = RowQuery(tuple, select(func.pg_sleep(3600)))
TENANTS = RowQuery(tuple, select(func.count()).select_from(Tenant))
WRONG = RowQuery(tuple, select(literal_column("1 / 0")))
UNPREPARED = RowQuery(tuple, select(literal_column("no_such_column")))


@pytest.fixture
async def rows(database_url: str) -> AsyncIterator[RowReader]:
    reader = RowReader(libpq_url(database_url))
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
        row = await queries.find_shown_note(database.rows, owner, note_id)
        assert row is not None
        assert row == tuple(getattr(note, name) for name in ShownNote._fields)
        assert [type(value) for value in row] == [type(getattr(note, name)) for name in ShownNote._fields]


async def test_others_see_nothing(database: Database, account: Account, clock: SettableClock) -> None:
    async with database.transaction() as session:
        note_id = await make_note(session, account.id, created_at=clock.now, identity="one")
    for owner in (Owner(account.id, "two"), Owner(TenantId(new_uuid()), None)):
        assert await queries.find_shown_note(database.rows, owner, note_id) is None


async def test_rows_read_at_once_share_a_connection(rows: RowReader) -> None:
    found = await asyncio.gather(*(rows.find(ECHO, text=f"text {number}") for number in range(50)))
    assert found == [(f"text {number}",) for number in range(50)]
    assert len(set(await asyncio.gather(*(backend(rows) for _ in range(50))))) == 1


async def test_what_is_larger_than_the_sockets_buffer_arrives_whole(rows: RowReader) -> None:
    texts = [letter * 5_000_000 for letter in "äöü"]
    found = await asyncio.gather(*(rows.find(ECHO, text=text) for text in texts))
    assert found == [(text,) for text in texts]


async def test_a_query_that_fails_fails_alone(rows: RowReader) -> None:
    before = await backend(rows)
    for _ in range(2):
        wrong, unprepared, echo = await asyncio.gather(
            rows.find(WRONG), rows.find(UNPREPARED), rows.find(ECHO, text="good"), return_exceptions=True
        )
        assert isinstance(wrong, psycopg.errors.DivisionByZero)
        assert isinstance(unprepared, psycopg.errors.UndefinedColumn)
        assert echo == ("good",)
    with pytest.raises(psycopg.DataError):
        await rows.find(ECHO, text="NUL \x00")
    assert await backend(rows) == before


async def test_a_forgotten_parameter_is_no_null(rows: RowReader) -> None:
    with pytest.raises(KeyError):
        await rows.find(ECHO)


async def test_a_reader_that_goes_away_takes_nobodys_answer(rows: RowReader) -> None:
    asked = [asyncio.create_task(rows.find(ECHO, text=f"text {number}")) for number in range(20)]
    await backend(rows)
    asked += [asyncio.create_task(rows.find(ECHO, text=f"text {number}")) for number in range(20, 40)]
    await asyncio.wait(asked[20:21], timeout=0)
    for task in asked[1::2]:
        task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[::2] == [(f"text {number}",) for number in range(0, 40, 2)]
    assert any(isinstance(one, asyncio.CancelledError) for one in found)


async def test_a_connection_that_postgres_closed_costs_no_request(rows: RowReader, database_url: str) -> None:
    before = await backend(rows)
    close_connections(database_url)
    after = await asyncio.gather(*(backend(rows) for _ in range(20)))
    assert len(set(after)) == 1
    assert after[0] != before


async def test_a_query_that_postgres_cuts_off_is_asked_again(rows: RowReader, database_url: str) -> None:
    await backend(rows)
    with psycopg.connect(libpq_url(database_url)) as admin:
        admin.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
        counting = asyncio.create_task(rows.find(TENANTS))
        while not admin.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            await asyncio.wait([counting], timeout=0.01)
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE NOT granted")
    assert await counting == (0,)


async def test_a_connection_that_hangs_is_replaced(database_url: str) -> None:
    rows = RowReader(libpq_url(database_url), patience_s=0.2)
    before = await backend(rows)
    for found in await asyncio.gather(rows.find(ENDLESS), backend(rows), return_exceptions=True):
        assert isinstance(found, ServiceUnavailable)
    assert await backend(rows) != before
    await rows.close()


async def test_no_database_is_told() -> None:
    nowhere = RowReader("postgresql://nobody@127.0.0.1:1/none")
    for _ in range(2):
        with pytest.raises(ServiceUnavailable):
            await nowhere.find(BACKEND)
