"""Jobs whose worker is gone come back; those of a worker that lives stay where they are."""

from datetime import timedelta

from sqlalchemy import text

from vocafuse_server.core.database import Database
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.core.queue_queries import forget_workers, give_back_jobs
from vocafuse_server.jobs.maintenance import MaintenanceContext, run_deletion

SILENCE = timedelta(seconds=30)


async def add_worker(database: Database, *, silent_s: float = 0) -> int:
    async with database.transaction() as session:
        worker = await session.scalar(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - :silent * interval '1 second') RETURNING id"
            ),
            {"silent": silent_s},
        )
        assert isinstance(worker, int)
        return worker


async def add_running_job(database: Database, worker: int, *, attempts: int = 0) -> int:
    """A job that a worker has fetched."""
    async with database.transaction() as session:
        await JobQueue().enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key="x")
        job = await session.scalar(
            text("SELECT id FROM procrastinate_fetch_job_v2(ARRAY['maintenance'], :worker)"),
            {"worker": worker},
        )
        await session.execute(
            text("UPDATE procrastinate_jobs SET attempts = :n WHERE id = :id"), {"n": attempts, "id": job}
        )
        assert isinstance(job, int)
        return job


async def give_back(database: Database) -> list[int]:
    async with database.transaction() as session:
        return sorted(job for job, _ in await give_back_jobs(session, silence=SILENCE))


async def waits(database: Database) -> dict[int, tuple[int, float]]:
    """The jobs that wait, how often each was begun, and how many seconds from now it may run."""
    async with database.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT id, attempts, extract(epoch FROM scheduled_at - now())::float"
                " FROM procrastinate_jobs WHERE status = 'todo' AND worker_id IS NULL"
            )
        )
        return {job: (attempts, seconds) for job, attempts, seconds in rows}


async def test_jobs_of_a_silent_worker_come_back_and_those_of_a_live_one_do_not(database: Database) -> None:
    silent, live = await add_worker(database, silent_s=31), await add_worker(database, silent_s=20)
    lost, running = await add_running_job(database, silent), await add_running_job(database, live)
    assert await give_back(database) == [lost]
    assert await give_back(database) == []
    assert list(await waits(database)) == [lost]
    async with database.transaction() as session:
        assert (
            await session.scalar(
                text("SELECT status FROM procrastinate_jobs WHERE id = :id"), {"id": running}
            )
            == "doing"
        )


async def test_jobs_whose_worker_was_pruned_come_back(database: Database) -> None:
    lost = await add_running_job(database, await add_worker(database, silent_s=31))
    async with database.transaction() as session:
        await session.execute(text("SELECT procrastinate_prune_stalled_workers_v1(30)"))
    assert await give_back(database) == [lost]


async def test_jobs_come_back_at_once_where_no_other_worker_can_be(database: Database) -> None:
    lost = await add_running_job(database, await add_worker(database))
    async with database.transaction() as session:
        await forget_workers(session)
        assert await give_back_jobs(session, silence=SILENCE) == [(lost, "delete_audio")]


async def test_what_goes_on_ending_workers_comes_back_one_by_one(database: Database) -> None:
    worker = await add_worker(database, silent_s=31)
    fresh = [await add_running_job(database, worker) for _ in range(2)]
    suspects = [await add_running_job(database, worker, attempts=2) for _ in range(3)]
    assert await give_back(database) == [*fresh, *suspects]
    found = await waits(database)
    assert [found[job][0] for job in (*fresh, *suspects)] == [1, 1, 3, 3, 3]
    assert all(found[job][1] <= 0 for job in fresh)
    starts = [found[job][1] for job in suspects]
    assert all(later - sooner > 10 for sooner, later in zip([0, *starts], starts, strict=False))


async def test_jobs_that_were_given_up_are_forgotten_after_a_week(database: Database) -> None:
    worker = await add_worker(database)
    for state in ("failed", "aborted", "doing"):
        job = await add_running_job(database, worker)
        async with database.transaction() as session:
            await session.execute(
                text(
                    "UPDATE procrastinate_jobs SET status = CAST(:state AS procrastinate_job_status)"
                    " WHERE id = :id"
                ),
                {"state": state, "id": job},
            )
    await run_deletion(MaintenanceContext(database, timedelta(days=30)))
    assert await count_jobs(database) == 3
    async with database.transaction() as session:
        await session.execute(text("UPDATE procrastinate_events SET at = at - interval '8 days'"))
    await run_deletion(MaintenanceContext(database, timedelta(days=30)))
    assert await count_jobs(database) == 1


async def count_jobs(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) or 0
