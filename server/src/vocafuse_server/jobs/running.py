"""Running a worker's queues until it is asked to stop, whatever becomes of the database meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from procrastinate import App
from procrastinate.connector import BaseConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback
from psycopg import OperationalError
from psycopg.errors import RaiseException

from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.queue import Queue, worker_app
from vocafuse_server.core.queue_queries import forget_workers, give_back_jobs

log = get_logger(__name__)

# A worker beats every 10 s; three missed beats, and its jobs are somebody else's.
_SILENCE = timedelta(seconds=30)
_GIVE_BACK_EVERY_S = 5.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 8.0


@dataclass(frozen=True, slots=True)
class Crew:
    """How a worker process runs its queues.

    Attributes:
        places: The jobs of each queue that run at a time.
        direct_url: The database past its pooler, if there is one.
        pool_size: Database connections of the queue, at most.
        stop_s: How long jobs go on after a stop before they are given back to the queue.
        is_alone: Whether no other worker can be there, so that all whom the database knows are dead.
        register: Gives every task its function.
        poll_s: How soon a job is noticed whose time comes; new ones announce themselves.
    """

    database: Database
    database_url: str
    direct_url: str | None
    places: Mapping[Queue, int]
    pool_size: int
    stop_s: float
    is_alone: bool
    register: Callable[[App], None]
    poll_s: float = 1.0


async def run_queues(crew: Crew, stop: asyncio.Event, *, on_ready: Callable[[], None]) -> None:
    """Work until `stop` is set, then finish what is running or give it back.

    When the database goes away, or doesn't say that it has taken what came of a job, the queues are left and
    joined again as new workers: what the old ones had and nobody runs any more is given back then.
    """
    pause_s = _FIRST_PAUSE_S
    while not stop.is_set():
        started_at = asyncio.get_running_loop().time()
        try:
            await _run_once(crew, stop, on_ready)
        except (ConnectorException, OperationalError, ServiceUnavailable) as error:
            log.warning("the queue was lost and is joined again", reason=str(error.__cause__ or error))
        lasted_s = asyncio.get_running_loop().time() - started_at
        pause_s = _FIRST_PAUSE_S if lasted_s > _LONGEST_PAUSE_S else min(pause_s * 2, _LONGEST_PAUSE_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


async def _run_once(crew: Crew, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """One membership in the queues: from joining them to leaving them in order."""
    await _give_back(crew.database, all_dead=crew.is_alone)
    lost = asyncio.Event()
    app = worker_app(crew.database_url, pool_size=crew.pool_size, direct_url=crew.direct_url)
    app.job_manager = _WatchedJobs(app.connector, lost)
    crew.register(app)
    async with app.open_async():
        running = [asyncio.create_task(_run_queue(app, crew, queue)) for queue in crew.places]
        running.append(asyncio.create_task(_keep_giving_back(crew.database)))
        waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(lost.wait())]
        log.info("worker ready")
        on_ready()
        await asyncio.wait([*waiting, *running], return_when=asyncio.FIRST_COMPLETED)
        log.info("worker stopping")
        for task in (*waiting, *running):
            task.cancel()
        results = await asyncio.gather(*running, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _run_queue(app: App, crew: Crew, queue: Queue) -> None:
    await app.run_worker_async(
        queues=[queue.value],
        name=queue.value,
        concurrency=crew.places[queue],
        install_signal_handlers=False,
        delete_jobs="successful",
        fetch_job_polling_interval=crew.poll_s,
        shutdown_graceful_timeout=crew.stop_s,
    )


async def _keep_giving_back(database: Database) -> None:
    """Not a job, so that no job has to run for jobs to be found again."""
    while True:
        await asyncio.sleep(_GIVE_BACK_EVERY_S)
        await _give_back(database)


async def _give_back(database: Database, *, all_dead: bool = False) -> None:
    async with database.transaction() as session:
        if all_dead:
            await forget_workers(session)
        given_back = await give_back_jobs(session, silence=_SILENCE)
    for job_id, task in given_back:
        log.warning("job of a dead worker given back to the queue", job_id=job_id, task=task)


class _WatchedJobs(JobManager):
    """Notices when it can't be written down what came of a job, and what is announced at a bad moment.

    A job of the first kind would count as running for as long as its worker lives. One that is announced
    while the worker finds none would wait for the next poll: the worker takes the announcement for heard.

    Args:
        lost: Is set then.
    """

    def __init__(self, connector: BaseConnector, lost: asyncio.Event) -> None:
        super().__init__(connector)
        self._lost = lost
        self._announced: Counter[tuple[str, ...]] = Counter()

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        mine = tuple(queues or ())

        async def announced(*, channel: str, notification: Notification) -> None:
            self._announced[mine] += 1
            await on_notification(channel=channel, notification=notification)

        await super().listen_for_jobs(on_notification=announced, queues=queues)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        mine = tuple(queues or ())
        while True:
            announced = self._announced[mine]
            job = await super().fetch_job(queues, worker_id)
            if job is not None or self._announced[mine] == announced:
                return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job(job, status, delete_job)
        except ConnectorException as error:
            self._not_written(job, error)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        try:
            await super().retry_job(job, retry_at, priority, queue, lock)
        except ConnectorException as error:
            self._not_written(job, error)

    def _not_written(self, job: Job, error: ConnectorException) -> None:
        if isinstance(error.__cause__, RaiseException):  # It was given back meanwhile, and is another's now.
            log.info("job is another worker's by now", job_id=job.id, task=job.task_name)
            return
        log.warning("what came of a job could not be written", job_id=job.id, task=job.task_name)
        self._lost.set()
