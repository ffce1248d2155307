"""A Postgres of the operator's own: a stock one over TCP, alone and behind PgBouncer in transaction mode."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from alembic import command
from procrastinate.jobs import Notification
from psycopg.errors import DeadlockDetected
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from support.app import SettableClock, make_account, running_app
from support.stock_servers import pgbouncer, pgbouncer_program, stock_postgres
from support.waiting import wait_until

from vocafuse_server.core.database import Database, see_one_moment, sqlalchemy_url
from vocafuse_server.core.errors import ServiceUnavailable, StartupError
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.queue import JobQueue, Queue, Task, worker_app
from vocafuse_server.core.settings import Settings, load_settings
from vocafuse_server.doctor.database import check_database
from vocafuse_server.doctor.findings import Status
from vocafuse_server.local_database import database_of
from vocafuse_server.notes.filters import Owner
from vocafuse_server.schema import MIGRATION_LOCK, alembic_config, migrate

pytestmark = pytest.mark.xdist_group("stock-postgres")

_MIGRATED_TIMES = 5
_PATIENCE_S = 30
# Fewer than those that ask, so that each connection serves one after the other.
_SERVER_CONNECTIONS = 3
# What the first version said that a fleet could run.
_OLD_SCHEMA = "0006"
_OLD_STATEMENTS = (
    "INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (%(id)s, 'T', 'pro', now(), now())",
    "INSERT INTO notes (id, tenant_id, status, title, tags, metadata, original_filename, audio_key,"
    " upload_source, created_at, updated_at) VALUES (%(id)s, %(id)s, 'created', 'T', '{}', '{}', 'a.wav',"
    " %(id)s, 'api', now(), now())",
    "UPDATE notes SET status = 'processing', audio_format = 'wav', file_size_bytes = 1 WHERE id = %(id)s",
    "UPDATE notes SET status = 'transcribed', transcription_run = 1 WHERE id = %(id)s",
    "INSERT INTO webhooks (id, tenant_id, url, events, secret, status, created_at, updated_at)"
    " VALUES (%(id)s, %(id)s, 'http://a', '{voicenote.created}', 's', 'active', now(), now())",
    "INSERT INTO webhook_deliveries (id, tenant_id, webhook_id, note_id, event, payload, status, attempts,"
    " next_attempt_at, created_at, updated_at) VALUES (%(id)s, %(id)s, %(id)s, %(id)s, 'voicenote.created',"
    " '{}', 'pending', 0, now(), now(), now())",
    "SELECT id, title, status FROM notes WHERE tenant_id = %(id)s ORDER BY created_at DESC, id LIMIT 20",
)


@pytest.fixture(scope="module")
def stock_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stock_postgres(tmp_path_factory.mktemp("stock") / "data", "max_connections=60") as url:
        migrate(url)
        yield url


@pytest.fixture(scope="module")
def pooler_url(stock_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = pgbouncer_program()
    if program is None:
        pytest.skip("PgBouncer is not installed: `apt-get install pgbouncer`, or `make servers` as root")
    folder = tmp_path_factory.mktemp("pooler") / "pgbouncer"
    with pgbouncer(program, folder, stock_url, server_connections=_SERVER_CONNECTIONS) as url:
        yield url


async def test_the_api_works_on_a_stock_server(stock_url: str, tmp_path: Path, clock: SettableClock) -> None:
    with psycopg.connect(stock_url) as connection:
        assert connection.info.server_version >= 150_000
        assert connection.execute("SELECT inet_server_port()").fetchone() is not None
    await _use_api(Settings.model_validate({"data_dir": tmp_path, "database_url": stock_url}), clock)


async def test_the_api_works_through_a_pooler(
    stock_url: str, pooler_url: str, tmp_path: Path, clock: SettableClock
) -> None:
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "database_url": pooler_url, "database_direct_url": stock_url}
    )
    await _use_api(settings, clock)


async def _use_api(settings: Settings, clock: SettableClock) -> None:
    """Make notes, hear of them and read them back, many at a time, again and again."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=2, direct_url=settings.direct_url)
    account = await make_account(database)
    await database.close()
    async with running_app(settings, url, clock) as api:
        headers = account.headers
        reader = api.context.feed.open(Owner(account.id, None), None)
        assert await reader.wait(at_most_s=_PATIENCE_S)  # It listens now, and looks for what it has missed.
        reader.bell.clear()
        made = await asyncio.gather(
            *(api.http.post("/v1/upload", headers=headers, json={"file_name": f"{n}.wav"}) for n in range(30))
        )
        uploaded = [
            await api.http.put(one.json()["presigned_url"], content=b"RIFF\x24\x00\x00\x00WAVEfmt ")
            for one in made[:5]
        ]
        assert {one.status_code for one in uploaded} == {200}
        assert await reader.wait(at_most_s=_PATIENCE_S)
        api.context.feed.close(reader)
        read = await asyncio.gather(
            *(
                api.http.get(f"/v1/voicenotes/{one.json()['voicenote_id']}", headers=headers)
                for one in made[:5] * 20
            )
        )
        assert {one.status_code for one in read} == {200}
        assert {one.json()["status"] for one in read} == {"processing"}
        listed = await asyncio.gather(
            *(api.http.get("/v1/voicenotes?limit=2", headers=headers) for _ in range(20))
        )
        assert {one.json()["total"] for one in listed} == {5}


def test_the_doctor_tells_a_pooler_from_a_database(stock_url: str, pooler_url: str, tmp_path: Path) -> None:
    def told(**urls: str) -> set[str]:
        settings = Settings.model_validate({"data_dir": tmp_path, **urls})
        return {finding.message for finding in check_database(settings) if finding.status is not Status.OK}

    assert told(database_url=pooler_url) == {"VOCAFUSE_DATABASE_URL leads to a pooler."}
    assert told(database_url=pooler_url, database_direct_url=stock_url) == set()
    assert told(database_url=stock_url) == set()


async def test_a_pooler_is_left_no_statements_and_no_settings(stock_url: str, pooler_url: str) -> None:
    database = Database(pooler_url, pool_size=8, direct_url=stock_url)

    async def ask(number: int) -> int:
        async with database.transaction() as session:
            if number % 3 == 0:
                await see_one_moment(session)
            found: int = (await session.scalars(text("SELECT CAST(:n AS int)"), {"n": number})).one()
        return found

    assert await asyncio.gather(*map(ask, range(200))) == list(range(200))
    async with database.reading() as session:
        left = await session.execute(
            text(
                "SELECT (SELECT count(*) FROM pg_prepared_statements),"
                " current_setting('transaction_isolation'), current_setting('statement_timeout')"
            )
        )
        assert left.one() == (0, "read committed", "0")
    await database.close()


async def test_a_statement_through_a_pooler_is_given_up_too(stock_url: str, pooler_url: str) -> None:
    database = Database(pooler_url, pool_size=2, direct_url=stock_url, statement_s=0.2)
    with pytest.raises(ServiceUnavailable):
        async with database.transaction() as session:
            await session.execute(text("SELECT pg_sleep(30)"))
    await database.close()


async def test_workers_hear_of_jobs_past_the_pooler(stock_url: str, pooler_url: str) -> None:
    app = worker_app(pooler_url, pool_size=4, direct_url=stock_url)
    heard: asyncio.Queue[str] = asyncio.Queue()
    done: list[str] = []

    async def hear(*, channel: str, notification: Notification) -> None:
        heard.put_nowait(notification["type"])

    async def run(key: str) -> None:
        done.append(key)

    app.task(name=Task.DELETE_AUDIO.value)(run)
    database = Database(pooler_url, pool_size=4, direct_url=stock_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await stack.enter_async_context(app.open_async())
        listening = asyncio.create_task(
            app.job_manager.listen_for_jobs(on_notification=hear, queues=["maintenance"])
        )
        await asyncio.to_thread(wait_until, lambda: _listeners(stock_url) > 0)
        keys = [str(number) for number in range(20)]
        for key in keys:
            async with database.transaction() as session:
                await JobQueue().enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=key)
            assert await asyncio.wait_for(heard.get(), _PATIENCE_S) == "job_inserted"
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await app.run_worker_async(
            queues=["maintenance"], wait=False, listen_notify=False, install_signal_handlers=False
        )
    assert sorted(done, key=int) == keys


def _listeners(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%procrastinate%'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_commands_go_past_the_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOCAFUSE_DATABASE_URL", "postgresql://notes@pooler/notes")
    monkeypatch.setenv("VOCAFUSE_DATABASE_DIRECT_URL", "postgresql://notes@database/notes")
    with database_of(load_settings()) as url:
        assert url == "postgresql://notes@database/notes"
    monkeypatch.delenv("VOCAFUSE_DATABASE_URL")
    with pytest.raises(StartupError, match="VOCAFUSE_DATABASE_DIRECT_URL"):
        load_settings()


def test_a_second_migration_waits_without_holding_up_the_first(stock_url: str) -> None:
    with (
        psycopg.connect(stock_url, autocommit=True) as first,
        psycopg.connect(stock_url, autocommit=True) as onlooker,
        ThreadPoolExecutor(1) as threads,
    ):
        first.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        second = threads.submit(migrate, stock_url)
        asked = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_start >"
            " (SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid())"
        )
        wait_until(lambda: onlooker.execute(asked.encode()).rowcount > 0)
        # It waits for every statement that is open: for one that waits for the lock, for ever.
        first.execute("SET statement_timeout = '20s'")
        first.execute("CREATE INDEX CONCURRENTLY ix_while_others_wait ON notes (title)")
        first.execute("DROP INDEX CONCURRENTLY ix_while_others_wait")
        assert not second.done()
        first.execute("SELECT pg_advisory_unlock_all()")
        assert second.result(timeout=_PATIENCE_S) is None


def test_the_version_before_serves_while_the_schema_moves_on(stock_url: str) -> None:
    """What the oldest version that a fleet can run says to the database goes on working, all the way.

    A statement and a migration may wait for each other, and Postgres ends either: a statement's client is
    told 503 and asks again, and so does who migrates.
    """
    url = _old_database(stock_url, "moving")
    stop, slowest_s = threading.Event(), 0.0

    def serve() -> int:
        nonlocal slowest_s
        written = 0
        with psycopg.connect(url, autocommit=True) as connection:
            while not (stop.is_set() and written):
                started = time.monotonic()
                values: dict[str, object] = {"id": new_uuid()}
                for statement in _OLD_STATEMENTS:
                    _until_taken(connection, statement, values)
                slowest_s = max(slowest_s, time.monotonic() - started)
                written += 1
        return written

    with ThreadPoolExecutor(1) as threads:
        serving = threads.submit(serve)
        with psycopg.connect(url, autocommit=True) as connection:
            begun = "SELECT FROM notes LIMIT 1"
            wait_until(lambda: serving.done() or connection.execute(begun.encode()).rowcount > 0)
        _until_migrated(url)
        before = _count_notes(url)
        wait_until(lambda: _count_notes(url) > before or serving.done())  # and on the new schema as well
        stop.set()
        assert serving.result(timeout=_PATIENCE_S) == _count_notes(url)
    assert slowest_s < 5


def _until_migrated(url: str) -> None:
    for _ in range(_MIGRATED_TIMES):
        with suppress(StartupError):
            return migrate(url)
    raise AssertionError("the tables were never let go")


def _until_taken(connection: psycopg.Connection, statement: str, values: dict[str, object]) -> None:
    while True:
        with suppress(DeadlockDetected):
            connection.execute(statement.encode(), values)
            return


def _old_database(stock_url: str, name: str) -> str:
    """A database with the old schema."""
    with psycopg.connect(stock_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    url = f"{stock_url.rpartition('/')[0]}/{name}"
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), _OLD_SCHEMA)
    engine.dispose()
    return url


def _count_notes(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM notes").fetchone()
    assert found is not None
    return int(found[0])


def test_a_table_that_is_in_use_is_told_and_nothing_is_half_done(stock_url: str) -> None:
    url = _old_database(stock_url, "held")
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE notes IN ROW EXCLUSIVE MODE")
        with pytest.raises(StartupError, match="in use"):
            migrate(url, patience_s=0.1)
    migrate(url)
    migrate(url)
