"""Faults for a running server: its processes are killed while clients insist on being served."""

import itertools
import os
import queue
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import httpx2
import psutil
import psycopg

from support.clips import AUDIO
from support.running_server import Server
from support.waiting import wait_until

SPOKEN = (AUDIO / "whats-the-date-today.wav").read_bytes()
DAMAGED = (AUDIO / "truncated.mp4").read_bytes()
CLIENTS = 4
PATIENCE_S = 240
_PAUSE = threading.Event()  # Never set: waiting for it is a pause between two tries.


class Fault(StrEnum):
    """What is killed."""

    API = "API"
    WORKER = "worker"
    DECODER = "decoder"
    POSTGRES = "Postgres"
    BACKEND = "a connection's process of Postgres"


@dataclass
class Accepted:
    """What the server has taken on, as its clients know it."""

    transcribable: set[str] = field(default_factory=set)
    damaged: set[str] = field(default_factory=set)
    repeated: int = 0
    """Requests that were sent again, because they got no answer or a 5xx."""

    @property
    def notes(self) -> set[str]:
        return self.transcribable | self.damaged


class Target(Protocol):
    """A server, whatever it consists of."""

    @property
    def origin(self) -> str: ...
    @property
    def key_headers(self) -> dict[str, str]: ...
    @property
    def database_url(self) -> str: ...


class Load:
    """Clients that upload notes, and don't take no for an answer.

    Some send them in one request, some in two, some are cut off half-way and send again, some announce an
    upload that they never make.
    """

    def __init__(self, server: Target, notes: int) -> None:
        self.accepted = Accepted()
        self._server = server
        self._numbers: queue.Queue[int] = queue.Queue()
        for number in range(notes):
            self._numbers.put(number)
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]
        self._deadline = time.monotonic() + PATIENCE_S + 2 * notes

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Wait until everything is accepted."""
        for thread in self._threads:
            thread.join(max(0.0, self._deadline - time.monotonic()))
        assert not self._failures, self._failures
        assert not any(thread.is_alive() for thread in self._threads)

    def _run(self) -> None:
        try:
            with httpx2.Client(base_url=self._server.origin, timeout=30) as http:
                while True:
                    self._upload(http, self._numbers.get_nowait())
        except queue.Empty:
            return
        except BaseException as error:  # The test's own thread tells of it.
            self._failures.append(error)
            raise

    def _upload(self, http: httpx2.Client, number: int) -> None:
        is_damaged = number % 10 == 9
        data, name = (DAMAGED, "a.mp4") if is_damaged else (SPOKEN, "a.wav")
        headers = {**self._server.key_headers, "Idempotency-Key": f"chaos-{number}"}
        if number % 3 == 0:
            answer = self._insist(
                lambda: http.post("/v1/voicenotes", headers=headers, files={"file": (name, data)}), {201}
            )
            note_id: str = answer.json()["id"]
        else:
            asked = self._insist(
                lambda: http.post("/v1/upload", headers=headers, json={"file_name": name}), {201}
            ).json()
            note_id = asked["voicenote_id"]
            if number % 3 == 2:
                self._cut(http, asked["presigned_url"], data)
            if number % 7 == 6:
                headers["Idempotency-Key"] += "-never-sent"
                self._insist(
                    lambda: http.post("/v1/upload", headers=headers, json={"file_name": name}), {201}
                )
            self._insist(lambda: http.put(asked["presigned_url"], content=data), {200, 409})
        (self.accepted.damaged if is_damaged else self.accepted.transcribable).add(note_id)

    def _insist(self, ask: Callable[[], httpx2.Response], wanted: set[int]) -> httpx2.Response:
        """Ask until there is an answer that isn't the server's trouble."""
        while True:
            assert time.monotonic() < self._deadline, "the server did not come back"
            try:
                answer = ask()
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code < 500:
                assert answer.status_code in wanted, answer.text
                return answer
            self.accepted.repeated += 1
            _PAUSE.wait(0.1)

    def _cut(self, http: httpx2.Client, url: str, data: bytes) -> None:
        def half() -> Iterator[bytes]:
            yield data[: len(data) // 2]
            raise ConnectionAbortedError

        try:
            http.put(url, content=half(), headers={"Content-Length": str(len(data))})
        except (ConnectionAbortedError, httpx2.TransportError):
            return


class Killer:
    """Kills processes of a server, in an order that its seed decides."""

    def __init__(self, server: Server, seed: int) -> None:
        self.kills: Counter[Fault] = Counter()
        self._server = server
        self._rng = random.Random(seed)
        self._bag: list[Fault] = []

    def strike(self) -> None:
        """Kill one process; if there is none of the kind at this moment, the next one."""
        if not self._bag:
            self._bag = list(Fault)
            self._rng.shuffle(self._bag)
        fault = self._bag.pop()
        wait_until(lambda: self._kill(fault), within_s=PATIENCE_S)
        self.kills[fault] += 1

    def _kill(self, fault: Fault) -> bool:
        try:
            found = self._processes(fault)
            if found:
                self._rng.choice(found).kill()
        except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
            return False
        return bool(found)

    def _processes(self, fault: Fault) -> Sequence[psutil.Process]:
        """The processes that there are of a kind."""
        match fault:
            case Fault.API:
                return self._server.children("api")
            case Fault.WORKER:
                return self._server.children("worker")
            case Fault.DECODER:
                return [child for worker in self._server.children("worker") for child in worker.children()]
            case Fault.POSTGRES:
                return [self._postmaster()]
            case Fault.BACKEND:
                backends = self._postmaster().children()
                return [one for one in backends if " vocafuse " in " ".join(one.cmdline())]

    def _postmaster(self) -> psutil.Process:
        pid_file = self._server.data_dir / "postgres" / "postmaster.pid"
        return psutil.Process(int(pid_file.read_text().splitlines()[0]))


def rows(server: Target, statement: str) -> list[tuple[object, ...]]:
    """What the server's database says, as soon as it says anything."""
    found: list[tuple[object, ...]] = []

    def ask() -> bool:
        try:
            with psycopg.connect(server.database_url, connect_timeout=5) as connection:
                found[:] = connection.execute(statement.encode()).fetchall()
        except psycopg.OperationalError:
            return False
        return True

    wait_until(ask, within_s=PATIENCE_S)
    return found


def stored_files(server: Server) -> set[str]:
    """The audio in the store, and what is still half written."""
    folder = server.data_dir / "audio"
    return {
        Path(parent, name).relative_to(folder).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
    }


def strike_under_load(
    server: Server, *, notes: int, kills: int, seed: int
) -> tuple[Accepted, Counter[Fault]]:
    """Upload notes while processes are killed, the whole server at last; returns once all is accepted.

    The kills are spread evenly over what there is to do: to accept each note and to come to its end.
    """
    load, killer = Load(server, notes), Killer(server, seed)
    load.start()
    for number in itertools.islice(itertools.count(1), kills):
        due = number * 2 * notes // (kills + 1)
        wait_until(lambda due=due: progress(server, load) >= due, within_s=PATIENCE_S)
        killer.strike()
    load.finish()
    server.stop(signal.SIGKILL)
    server.start()
    return load.accepted, killer.kills


def progress(server: Target, load: Load) -> int:
    [[ended]] = rows(server, "SELECT count(*) FROM notes WHERE status IN ('transcribed', 'failed')")
    assert isinstance(ended, int)
    return len(load.accepted.notes) + ended
