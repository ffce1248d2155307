"""A worker's queues run on whatever becomes of the database, and leave nothing behind when they stop."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
from procrastinate import App
from sqlalchemy import text

from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.jobs.running import Crew, run_queues

PATIENCE_S = 60


@dataclass
class Work:
    """What the test's task does: note that it began, wait for the gate, note that it ended."""

    began: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    ended: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def register(self, app: App) -> None:
        async def run(key: str) -> None:
            self.began.put_nowait(key)
            await self.gate.wait()
            self.ended.put_nowait(key)

        app.task(name=Task.DELETE_AUDIO.value, retry=True)(run)


@asynccontextmanager
async def running(
    database: Database, database_url: str, work: Work, *, stop_s: float = PATIENCE_S, poll_s: float = 1.0
) -> AsyncGenerator[asyncio.Event]:
    """The queue for maintenance while the block runs; yields what stops it."""
    stop, ready = asyncio.Event(), asyncio.Event()
    crew = Crew(
        database=database,
        database_url=database_url,
        direct_url=None,
        places={Queue.MAINTENANCE: 2},
        pool_size=2,
        stop_s=stop_s,
        is_alone=True,
        register=work.register,
        poll_s=poll_s,
    )
    task = asyncio.create_task(run_queues(crew, stop, on_ready=ready.set))
    await asyncio.wait_for(ready.wait(), PATIENCE_S)
    try:
        yield stop
    finally:
        work.gate.set()
        stop.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def put(database: Database, key: str) -> None:
    async with database.transaction() as session:
        await JobQueue().enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=key)


async def next_of(what: "asyncio.Queue[str]") -> str:
    return await asyncio.wait_for(what.get(), PATIENCE_S)


async def left(database: Database) -> list[str]:
    """The states of the jobs that are there."""
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT status FROM procrastinate_jobs ORDER BY id")))


async def execute(database_url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(libpq_url(database_url), autocommit=True) as admin:
        await admin.execute(statement.encode())


async def until_left(database: Database, *states: str) -> None:
    """Wait until these are the states of the jobs that are there."""
    async with asyncio.timeout(PATIENCE_S):
        while await left(database) != list(states):
            pass


CUT_ALL = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def test_jobs_run_on_after_every_connection_was_cut(database: Database, database_url: str) -> None:
    work = Work()
    async with running(database, database_url, work):
        await put(database, "before")
        assert await next_of(work.began) == "before"
        await execute(database_url, CUT_ALL)
        work.gate.set()
        onlooker = Database(database_url, pool_size=1)  # Whose connections are new.
        await put(onlooker, "after")
        assert {await next_of(work.ended) for _ in range(2)} == {"before", "after"}
        await until_left(onlooker)
        await onlooker.close()


# Postgres looks for a job and, having found none, answers only once nobody has the lock.
SLOW_FETCH = """
ALTER FUNCTION procrastinate_fetch_job_v2 RENAME TO fetch_at_once;
CREATE FUNCTION procrastinate_fetch_job_v2(queues varchar[], worker bigint) RETURNS procrastinate_jobs
LANGUAGE plpgsql AS $$
DECLARE found procrastinate_jobs := fetch_at_once(queues, worker);
BEGIN
  IF found.id IS NULL THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
  RETURN found;
END $$
"""
LISTENS_AND_WAITS = """
SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
AND EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %')
"""


async def until_it_listens_and_waits(database: Database) -> None:
    async with asyncio.timeout(PATIENCE_S):
        found = None
        while found is None:
            async with database.transaction() as session:
                found = await session.scalar(text(LISTENS_AND_WAITS))


async def test_a_job_announced_while_none_is_found_need_not_wait_for_the_next_poll(
    database: Database, database_url: str
) -> None:
    work = Work()
    await execute(database_url, SLOW_FETCH)
    async with await psycopg.AsyncConnection.connect(libpq_url(database_url)) as lock:
        await lock.execute("SELECT pg_advisory_xact_lock(1)")
        async with running(database, database_url, work, poll_s=10 * PATIENCE_S):
            await until_it_listens_and_waits(database)
            await put(database, "meanwhile")
            await lock.commit()
            assert await next_of(work.began) == "meanwhile"


async def test_a_job_of_which_the_end_could_not_be_written_is_not_left_as_running(
    database: Database, database_url: str
) -> None:
    work = Work()
    work.gate.set()
    rename = "ALTER FUNCTION procrastinate_finish_job_v1 RENAME TO finish_job_away"
    await execute(database_url, rename)
    async with running(database, database_url, work):
        await put(database, "job")
        assert await next_of(work.ended) == "job"
        assert await next_of(work.ended) == "job"  # by a worker that came after
        back = "ALTER FUNCTION finish_job_away RENAME TO procrastinate_finish_job_v1"
        await execute(database_url, back)
        await until_left(database)


async def test_a_job_that_another_worker_has_ended_stops_nobody(
    database: Database, database_url: str
) -> None:
    work = Work()
    async with running(database, database_url, work):
        await put(database, "first")
        assert await next_of(work.began) == "first"
        await execute(database_url, "DELETE FROM procrastinate_jobs")
        work.gate.set()
        assert await next_of(work.ended) == "first"
        async with database.transaction() as session:
            workers = list(await session.scalars(text("SELECT id FROM procrastinate_workers")))
        await put(database, "second")
        assert await next_of(work.ended) == "second"
        async with database.transaction() as session:
            assert list(await session.scalars(text("SELECT id FROM procrastinate_workers"))) == workers


async def test_a_stop_lets_what_runs_come_to_its_end_and_begins_nothing(
    database: Database, database_url: str
) -> None:
    work = Work()
    async with running(database, database_url, work) as stop:
        for key in ("one", "two", "three"):
            await put(database, key)
        assert {await next_of(work.began) for _ in range(2)} == {"one", "two"}
        stop.set()
    assert work.ended.qsize() == 2
    assert work.began.empty()
    assert await left(database) == ["todo"]


async def test_what_takes_too_long_after_a_stop_is_given_back(database: Database, database_url: str) -> None:
    work = Work()
    async with running(database, database_url, work, stop_s=0.2) as stop:
        await put(database, "long")
        assert await next_of(work.began) == "long"
        stop.set()
        await until_left(database, "todo")
    assert work.ended.empty()
    async with database.transaction() as session:
        assert list(await session.scalars(text("SELECT id FROM procrastinate_workers"))) == []
