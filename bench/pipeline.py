"""Notes through a running server, from the upload to the webhook: how many, how soon, at what cost."""

import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from bench.server import PATIENCE_S, Arrivals, RunningServer, server_environment
from bench.usage import POSTGRES, cpu_seconds, family
from vocafuse import Client


@dataclass(frozen=True)
class Passed:
    """What became of some notes.

    Attributes:
        cpu_s: Processor time of API, workers, decoders and Postgres while they passed.
        postgres_s: What of it was Postgres's.
        accepted_s: When each upload was answered, from the first of them on.
        delays_s: From then to each note's webhook.
    """

    wall_s: float
    cpu_s: float
    postgres_s: float
    accepted_s: list[float]
    delays_s: list[float]

    @property
    def notes(self) -> int:
        return len(self.delays_s)

    @property
    def an_hour(self) -> float:
        return self.notes / self.wall_s * 3600


@dataclass(frozen=True)
class Line:
    """A server whose webhooks are listened to."""

    client: Client
    arrivals: Arrivals
    processes: Sequence[psutil.Process]

    def as_fast_as_it_goes(self, audio: Path, *, notes: int, in_flight: int) -> Passed:
        """So many at a time are on their way."""

        def through(_: int) -> tuple[float, float]:
            accepted_s, note_id = self._uploaded(audio)
            return accepted_s, self.arrivals.wait(note_id)

        before, started_s = self._cpu_s(), time.perf_counter()
        with ThreadPoolExecutor(in_flight) as users:
            times = list(users.map(through, range(notes)))
        return self._passed(times, before, started_s)

    def at_times(self, audio: Path, arrivals_s: Sequence[float]) -> Passed:
        """Each is uploaded at its own time, whatever becomes of the others."""
        before, started_s = self._cpu_s(), time.perf_counter()
        with ThreadPoolExecutor(64) as users:
            uploads: list[Future[tuple[float, str]]] = []
            for at_s in arrivals_s:
                time.sleep(max(0.0, started_s + at_s - time.perf_counter()))
                uploads.append(users.submit(partial(self._uploaded, audio)))
            found = [upload.result(PATIENCE_S) for upload in uploads]
        times = [(accepted_s, self.arrivals.wait(note_id)) for accepted_s, note_id in found]
        return self._passed(times, before, started_s)

    def serving_cpu_s(self) -> float:
        """Processor time so far of all but the workers: of what answers requests, with Postgres."""
        everybody = [one for process in self.processes for one in family(process)]
        workers = [one for process in filter(_is_worker, everybody) for one in family(process)]
        return cpu_seconds(everybody) - cpu_seconds(workers)

    def _uploaded(self, audio: Path) -> tuple[float, str]:
        note = self.client.voicenotes.upload(audio)
        return time.perf_counter(), note.id

    def _passed(
        self, times: Sequence[tuple[float, float]], before: tuple[float, float], started_s: float
    ) -> Passed:
        wall_s = max(done_s for _, done_s in times) - started_s
        cpu_s, postgres_s = (now - then for now, then in zip(self._cpu_s(), before, strict=True))
        accepted_s = [at_s - started_s for at_s, _ in times]
        delays_s = [done_s - at_s for at_s, done_s in times]
        return Passed(wall_s, cpu_s, postgres_s, accepted_s, delays_s)

    def _cpu_s(self) -> tuple[float, float]:
        """So far: that of all, and Postgres's."""
        everybody = [one for process in self.processes for one in family(process)]
        return cpu_seconds(everybody), cpu_seconds(filter(_is_postgres, everybody))


@contextmanager
def more_workers(
    server: RunningServer, data_dir: Path, count: int, **settings: str
) -> Generator[list[psutil.Process]]:
    """Worker processes besides the server's own, on its database and files, while the block runs."""
    environment = server_environment(data_dir, VOCAFUSE_DATABASE_URL=server.database_url, **settings)
    command = [sys.executable, "-m", "vocafuse_server.cli", "worker"]
    with ExitStack() as stack:
        found: list[psutil.Process] = []
        for number in range(count):
            log_file = data_dir.with_name(f"worker-{number}.log")
            log = stack.enter_context(log_file.open("w"))
            worker = subprocess.Popen(command, env=environment, stderr=log)
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
            found.append(psutil.Process(worker.pid))
            _wait_until_ready(worker, log_file)
        yield found


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "worker" in process.cmdline()
    return False


def _is_postgres(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.name() == POSTGRES
    return False


def _wait_until_ready(worker: subprocess.Popen[bytes], log_file: Path) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while "worker ready" not in (said := log_file.read_text()):
        if worker.poll() is not None or time.monotonic() > until_s:
            raise SystemExit(f"A worker did not start:\n{said}")
        time.sleep(0.1)
