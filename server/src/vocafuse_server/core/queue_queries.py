"""SQL of the queue: whose turn it is, and what dead workers left. Procrastinate's tables, read and mended."""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# What was running together when a worker ended comes back at once the first times. If it goes on ending
# workers it comes back one by one, so that only what is at fault is counted out.
_TOGETHER_TIMES = 2
_APART = timedelta(seconds=15)

NEXT_TURN = text(
    """
    SELECT coalesce(greatest(
        (SELECT -priority FROM procrastinate_jobs
            WHERE status = 'todo' AND queue_name = :queue AND (scheduled_at IS NULL OR scheduled_at <= now())
            ORDER BY priority DESC LIMIT 1),
        (SELECT 1 - priority FROM procrastinate_jobs
            WHERE status = 'todo' AND queue_name = :queue AND args ->> 'tenant_id' = :share
            ORDER BY priority LIMIT 1)
    ), 0)
    """
)

_GIVE_BACK = text(
    """
    WITH left_behind AS (
        SELECT job.id, job.attempts >= :together_times AS is_apart
        FROM procrastinate_jobs AS job LEFT JOIN procrastinate_workers AS worker ON worker.id = job.worker_id
        WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - :silence)
        FOR UPDATE OF job SKIP LOCKED
    ), placed AS (
        SELECT id, CASE WHEN is_apart THEN row_number() OVER (PARTITION BY is_apart ORDER BY id) ELSE 0 END
            AS place
        FROM left_behind
    )
    UPDATE procrastinate_jobs AS job
    SET status = 'todo', attempts = attempts + 1, worker_id = NULL, abort_requested = false,
        scheduled_at = now() + placed.place * CAST(:apart AS interval)
    FROM placed WHERE job.id = placed.id
    RETURNING job.id, job.task_name
    """
)

_DELETE_ENDED = text(
    """
    DELETE FROM procrastinate_jobs AS job
    WHERE status IN ('failed', 'aborted', 'cancelled', 'succeeded') AND NOT EXISTS (
        SELECT 1 FROM procrastinate_events WHERE job_id = job.id AND at > now() - :kept
    )
    RETURNING id
    """
)


async def next_turn(session: AsyncSession, queue: str, share: str) -> int:
    """The turn in which the next job of a tenant's share runs; jobs of earlier turns go first.

    A share has one job in each turn. What has none waiting joins the turn that the queue has come to.
    """
    turn = await session.scalar(NEXT_TURN, {"queue": queue, "share": share})
    return int(turn or 0)


async def give_back_jobs(session: AsyncSession, *, silence: timedelta) -> list[tuple[int, str]]:
    """Put jobs back on the queue whose worker is gone, or silent for so long; their ids and tasks."""
    rows = await session.execute(
        _GIVE_BACK, {"silence": silence, "together_times": _TOGETHER_TIMES, "apart": _APART}
    )
    return [(job_id, task) for job_id, task in rows]


async def forget_workers(session: AsyncSession) -> None:
    """Forget all workers there have been; their jobs can be given back then."""
    await session.execute(text("DELETE FROM procrastinate_workers"))


async def delete_ended_jobs(session: AsyncSession, *, kept: timedelta) -> int:
    """Forget the jobs that were given up so long ago; says how many."""
    return len((await session.scalars(_DELETE_ENDED, {"kept": kept})).all())
