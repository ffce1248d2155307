"""Putting jobs on the queue, in the transaction of the rows they are about.

Tasks are named, not imported: whoever enqueues needs to know nothing of who works.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.jobs import JobDeferrer
from procrastinate.types import JSONDict, JSONValue
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import connection_options, libpq_url, psycopg_connection
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.queue_queries import next_turn
from vocafuse_server.core.tracing import TRACEPARENT, current_traceparent


class Queue(StrEnum):
    TRANSCRIPTION = "transcription"
    FETCHING = "fetching"
    WEBHOOKS = "webhooks"
    MAINTENANCE = "maintenance"


class Task(StrEnum):
    TRANSCRIBE_NOTE = "transcribe_note"
    TRANSCRIBE_DICTATION = "transcribe_dictation"
    FETCH_NOTE = "fetch_note"
    FIND_UPLOAD = "find_upload"
    DELIVER_WEBHOOK = "deliver_webhook"
    DELETE_AUDIO = "delete_audio"
    REPLAY_DELIVERIES = "replay_deliveries"
    PURGE_NOTE = "purge_note"
    RESUME_LOST_WORK = "resume_lost_work"
    SWEEP_UPLOADS = "sweep_uploads"
    SWEEP_STORE = "sweep_store"
    DELETE_EXPIRED = "delete_expired"
    FOLD_NOTE_COUNTS = "fold_note_counts"


# Between a tenant and what has a share of its own, in the argument that says whose turn a job takes.
_APART = "/"


def sharer(tenant_id: str) -> str:
    """The tenant of a job's argument `tenant_id`, or another id as it is."""
    return tenant_id.partition(_APART)[0]


class JobQueue:
    """The Postgres job queue, as those see it who put jobs on it.

    It never opens a connection of its own: a job is inserted on the session's, so that a row can't
    be committed without its job, nor a job without its row.
    """

    def __init__(self) -> None:
        self._app = App(connector=PsycopgConnector())

    async def enqueue(
        self,
        session: AsyncSession,
        task: Task,
        *,
        queue: Queue,
        at: datetime | None = None,
        share_of: TenantId | None = None,
        apart: bool = False,
        **arguments: JSONValue,
    ) -> None:
        """Add a job to the session's transaction; it runs after the commit, and not before `at`.

        Args:
            share_of: The tenant whose share of the queue it takes: tenants take turns, however many jobs
                each of them has.
            apart: Whether it takes a turn beside the tenant's other jobs, and not after them: there is one
                of such jobs and one of the others in each turn.
        """
        priority = 0
        if share_of is not None:
            share = f"{share_of}{_APART}{task}" if apart else str(share_of)
            priority = -await next_turn(session, queue.value, share)
            arguments["tenant_id"] = share
        deferrer = await self._deferrer(session, task, queue=queue, at=at, priority=priority)
        await deferrer.defer_async(**_traced(arguments))

    async def enqueue_all(
        self, session: AsyncSession, task: Task, *, queue: Queue, arguments: Sequence[JSONDict]
    ) -> None:
        """Add a job for each of these arguments, in one statement."""
        deferrer = await self._deferrer(session, task, queue=queue)
        await deferrer.batch_defer_async(*map(_traced, arguments))

    async def _deferrer(
        self,
        session: AsyncSession,
        task: Task,
        *,
        queue: Queue,
        at: datetime | None = None,
        priority: int = 0,
    ) -> JobDeferrer:
        return self._app.configure_task(
            task.value,
            queue=queue.value,
            schedule_at=at,
            priority=priority,
            connection=await psycopg_connection(session),
        )


def _traced(arguments: JSONDict) -> JSONDict:
    traceparent = current_traceparent()
    return arguments if traceparent is None else {**arguments, TRACEPARENT: traceparent}


class _PooledConnector(PsycopgConnector):
    """Fetches jobs through a pooler, and listens past it: what listens needs a connection of its own."""

    def __init__(self, pooler_url: str, direct_url: str, *, pool_size: int) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - its JSON functions have no types
            conninfo=libpq_url(pooler_url),
            kwargs=connection_options(direct_url),
            min_size=1,
            max_size=pool_size,
            timeout=10,
        )
        self._listener = PsycopgConnector(conninfo=libpq_url(direct_url), min_size=0, max_size=1)

    async def open_async(self, pool: AsyncConnectionPool | None = None) -> None:
        await super().open_async(pool)
        await self._listener.open_async()

    async def close_async(self) -> None:
        await self._listener.close_async()
        await super().close_async()

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        await self._listener.listen_notify(on_notification, channels)


def worker_app(database_url: str, *, pool_size: int, direct_url: str | None = None) -> App:
    """The queue as workers see it: with connections of its own to fetch jobs and to listen."""
    if direct_url is not None:
        return App(connector=_PooledConnector(database_url, direct_url, pool_size=pool_size))
    return App(
        connector=PsycopgConnector(
            conninfo=libpq_url(database_url), min_size=1, max_size=pool_size, timeout=10
        )
    )


async def any_live_worker(session: AsyncSession) -> bool:
    """Whether a worker is there. Workers register once their model is loaded, and then beat."""
    found = await session.scalar(
        text(
            "SELECT 1 FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 seconds' LIMIT 1"
        )
    )
    return found is not None


class JobState(StrEnum):
    """Where a job stands. What has succeeded is gone."""

    WAITING = "waiting"  # Its time has come.
    SCHEDULED = "scheduled"  # Its time is to come.
    RUNNING = "running"
    FAILED = "failed"  # Given up after all its tries.


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of a queue are in a state, and since when the oldest of them could have run."""

    jobs: int = 0
    oldest_s: float = 0.0


async def count_jobs(session: AsyncSession) -> dict[tuple[Queue, JobState], JobCount]:
    """The jobs of every queue, by where they stand at this moment."""
    rows = await session.execute(
        text(
            """
            SELECT queue_name, state, count(*), max(age) FROM (
                SELECT queue_name,
                    CASE WHEN status = 'doing' THEN 'running'
                        WHEN status = 'failed' THEN 'failed'
                        WHEN scheduled_at > now() THEN 'scheduled'
                        ELSE 'waiting' END AS state,
                    extract(epoch FROM now() - coalesce(scheduled_at,
                        (SELECT min(at) FROM procrastinate_events WHERE job_id = job.id))) AS age
                FROM procrastinate_jobs AS job WHERE status IN ('todo', 'doing', 'failed')
            ) AS jobs GROUP BY queue_name, state
            """
        )
    )
    found = {(name, state): JobCount(jobs, max(0.0, float(age))) for name, state, jobs, age in rows}
    return {
        (queue, state): found.get((queue.value, state.value), JobCount())
        for queue in Queue
        for state in JobState
    }
