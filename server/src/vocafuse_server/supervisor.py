"""`vocafuse-server up`: the embedded Postgres, the API and the worker, started in order, watched, and
stopped together."""

import asyncio
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vocafuse_server.bootstrap import Bootstrap, bootstrap
from vocafuse_server.child_process import ChildProcess
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.settings import Settings
from vocafuse_server.local_database import running_postgres
from vocafuse_server.schema import migrate

log = get_logger(__name__)

_MAX_RESTART_DELAY_S = 30.0
_POSTGRES_CHECK_S = 1.0
# The least that what is killed at its first start is tried.
_FIRST_TRIES = 3
# What a process may take to stop beyond the time that it gives its work.
_STOP_GRACE_S = 10.0
# A process that ran this long before it ended is restarted at once.
_HEALTHY_S = 60.0


def listen(host: str, port: int) -> socket.socket:
    """The API's listening socket. The supervisor keeps it, so that clients wait while the API restarts.

    Raises:
        StartupError: The address can't be had.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        # Python adds the address to the system's words; a name that doesn't resolve has a negative number.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        raise StartupError(
            f"Can't listen on {host} port {port} ({reason}):"
            " set VOCAFUSE_PORT or VOCAFUSE_HOST to something else."
        ) from error


def _fresh_metrics_folder(settings: Settings) -> Path:
    """An empty folder in which the processes keep their figures, so that each can show those of all."""
    folder = settings.data_dir / "run" / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def start_all(children: Sequence[ChildProcess]) -> None:
    """Start processes at the same time; if one can't be started, none goes on starting.

    Raises:
        StartupError: One can't.
    """
    starts = [asyncio.create_task(_start_first(child)) for child in children]
    try:
        await asyncio.gather(*starts)
    finally:
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)


async def _start_first(child: ChildProcess) -> None:
    """Start a process; one that somebody kills meanwhile is started again, one that gives up is not.

    Raises:
        StartupError: It can't be started.
    """
    for _ in range(_FIRST_TRIES - 1):
        try:
            return await child.start()
        except StartupError:
            if await child.wait() >= 0:
                raise
            log.warning("process was killed while it started, and is started again", process=child.name)
    return await child.start()


class Supervisor:
    """Everything that `up` runs.

    Args:
        settings: The settings.
        report: Called with a line of progress.
        on_ready: Called once everything is ready for work.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        report: Callable[[str], None],
        on_ready: Callable[[Settings, Bootstrap], None],
    ) -> None:
        self._settings = settings
        self._report = report
        self._on_ready = on_ready
        self._stopping = asyncio.Event()
        self._children: list[ChildProcess] = []

    async def run(self) -> None:
        """Start everything, keep it running until SIGINT, SIGTERM or SIGHUP, stop everything.

        Raises:
            StartupError: Something can't be started; what was started has been stopped again.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop_or_kill)
        with listen(self._settings.host, self._settings.port) as listener:
            port = int(listener.getsockname()[1])
            settings = self._settings.model_copy(update={"port": port})
            with self._database() as (database_url, postgres):
                direct_url = settings.direct_url or database_url
                await asyncio.to_thread(migrate, direct_url)
                self._report("Database ready")
                known = await bootstrap(settings, direct_url)
                await self._run_children(settings, database_url, listener, postgres, known)

    @contextmanager
    def _database(self) -> Generator[tuple[str, EmbeddedPostgres | None]]:
        if self._settings.database_url is not None:
            yield self._settings.database_url.get_secret_value(), None
            return
        with running_postgres(self._settings) as postgres:
            yield postgres.url(), postgres

    async def _run_children(
        self,
        settings: Settings,
        database_url: str,
        listener: socket.socket,
        postgres: EmbeddedPostgres | None,
        known: Bootstrap,
    ) -> None:
        environment = {
            **os.environ,
            "PROMETHEUS_MULTIPROC_DIR": str(_fresh_metrics_folder(settings)),
            "VOCAFUSE_DATABASE_URL": database_url,
            "VOCAFUSE_PORT": str(settings.port),
        }
        fd, stop_s = listener.fileno(), settings.stop_seconds + _STOP_GRACE_S
        # On our own database no other worker can be, so this one need not wait to see which are dead.
        work = ("worker",) if postgres is None else ("worker", "--alone")
        self._children = [
            ChildProcess("API", ("api", "--socket-fd", str(fd)), environment, stop_s, inherited=(fd,)),
            ChildProcess("worker", work, environment, stop_s),
        ]
        watchers: list[asyncio.Task[None]] = []
        if postgres is not None:
            watchers.append(asyncio.create_task(self._keep_postgres(postgres)))
        try:
            if await self._unless_stopped(start_all(self._children)):
                self._on_ready(settings, known)
                watchers += [asyncio.create_task(self._keep_running(child)) for child in self._children]
                await self._until_stopped(watchers)
                self._report("Stopping")
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*(child.stop() for child in self._children))

    async def _until_stopped(self, watchers: Sequence[asyncio.Task[None]]) -> None:
        """Wait until somebody asks to stop; a watcher never ends, so one that does has crashed."""
        stopping = asyncio.create_task(self._stopping.wait())
        done, _ = await asyncio.wait([stopping, *watchers], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in done:
            task.result()

    async def _unless_stopped(self, work: Coroutine[None, None, None]) -> bool:
        """Whether the work came to its end before somebody asked to stop."""
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return False
        task.result()
        return True

    async def _keep_running(self, child: ChildProcess) -> None:
        """Start the process again whenever it ends, later each time it fails soon."""
        while True:
            code = await child.wait()
            lived_s = time.monotonic() - child.started_at
            child.failures = 1 if lived_s > _HEALTHY_S else child.failures + 1
            delay_s = 0.0 if child.failures == 1 else min(2.0 ** (child.failures - 2), _MAX_RESTART_DELAY_S)
            log.error("process ended and is started again", process=child.name, exit_code=code, in_s=delay_s)
            await asyncio.sleep(delay_s)
            try:
                await child.start()
            except (StartupError, OSError) as error:
                log.error("process did not start", process=child.name, reason=str(error))
                child.signal(signal.SIGKILL)

    async def _keep_postgres(self, postgres: EmbeddedPostgres) -> None:
        """Start the database again whenever it ends.

        That can take several tries: what a killed server left running holds its memory for a while.
        """
        while True:
            await asyncio.sleep(_POSTGRES_CHECK_S)
            if not postgres.has_ended:
                continue
            log.error("the database ended and is started again")
            try:
                await asyncio.to_thread(postgres.start)
            except StartupError as error:
                log.error("the database did not start and is tried again", reason=str(error))

    def _stop_or_kill(self) -> None:
        """The first Ctrl-C asks; a second one insists."""
        if self._stopping.is_set():
            for child in self._children:
                child.signal(signal.SIGKILL)
        self._stopping.set()
