"""Peers in processes of their own that take turns, so that a slow minute of the machine hits all of them.

Every peer loads once, warms up on one file, and then waits; a round goes through the peers one after another.
A ratio compares two peers of the same round. Every run is noted in a file at once, so that a benchmark that
was interrupted goes on with the round in which it was.
"""

import hashlib
import multiprocessing
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil
from pydantic import TypeAdapter

from bench.clips import ROOT
from bench.options import Skipped
from bench.usage import Meter, family, peak_mb, reset_peaks

WORK = ROOT / "build" / "bench"
"""Where models, joined notes and unfinished benchmarks are kept."""
# A benchmark of other code is another benchmark.
_SOURCES = ("bench/*.py", "server/src/**/*.py", "requirements/*.txt")


@dataclass(frozen=True)
class Heard:
    """A file's text, and the seconds from its turn to its text."""

    text: str
    seconds: float


Transcribe = Callable[[Sequence[Path]], list[Heard]]


@dataclass(frozen=True)
class Peer:
    """Somebody who transcribes, and the process that does the work, where it is a child of this one."""

    transcribe: Transcribe
    process: psutil.Process = field(default_factory=psutil.Process)


OpenPeer = Callable[[], AbstractContextManager[Peer]]
"""Makes a peer ready. It is sent to another process: a function of a module, or a `partial` of one."""


@dataclass(frozen=True)
class Run:
    """What one peer did in one round.

    Attributes:
        wall_s: See `Usage`, also for the next two.
        peak_mb: Sum of the peaks of resident memory of its process and all children.
    """

    peer: str
    round: int
    wall_s: float
    cpu_s: float
    others: float
    peak_mb: float
    latencies_s: list[float]
    texts: list[str]


@dataclass(frozen=True)
class _Task:
    """What a peer's process is told to do."""

    peer: str
    round: int
    files: Sequence[Path]


class Connection(Protocol):
    """One end of a pipe between two processes."""

    def send(self, obj: object) -> None: ...

    def recv(self) -> object: ...

    def close(self) -> None: ...


class RoundLog:
    """The runs of a benchmark so far, in a file.

    Args:
        name: The benchmark's.
        peers: Who takes part; a round is complete when all of them have had their turn.
        files: What they transcribe.
    """

    def __init__(self, name: str, peers: Sequence[str], files: Sequence[Path], folder: Path = WORK) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / f"{name}-{_fingerprint(peers, files)}.jsonl"
        self._peers = set(peers)
        self.runs: list[Run] = list(self._complete())
        self._file.write_text("".join(_line(run) for run in self.runs))

    def _complete(self) -> Iterator[Run]:
        if not self._file.is_file():
            return
        runs = [_RUN.validate_json(line) for line in self._file.read_text().splitlines()]
        for run in runs:
            if {other.peer for other in runs if other.round == run.round} == self._peers:
                yield run

    def has(self, number: int) -> bool:
        return any(run.round == number for run in self.runs)

    def add(self, run: Run) -> None:
        self.runs.append(run)
        with self._file.open("a") as file:
            file.write(_line(run))


def forget(names: Sequence[str], folder: Path = WORK) -> None:
    """Drop what was noted of these benchmarks: the next call measures anew."""
    for name in names:
        for file in folder.glob(f"{name}-*.jsonl"):
            file.unlink()


_RUN = TypeAdapter(Run)


def _line(run: Run) -> str:
    return _RUN.dump_json(run).decode() + "\n"


def _fingerprint(peers: Sequence[str], files: Sequence[Path]) -> str:
    digest = hashlib.sha256(repr((peers, [(str(file), file.stat().st_size) for file in files])).encode())
    for pattern in _SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def take_turns(name: str, peers: Mapping[str, OpenPeer], files: Sequence[Path], *, rounds: int) -> list[Run]:
    """Run every peer once in each round; rounds that an interrupted call has completed are not repeated.

    Raises:
        Skipped: There are no peers or no files.
    """
    if not peers or not files:
        raise Skipped("nobody to measure" if files else "nothing to transcribe")
    log = RoundLog(name, list(peers), files)
    left = [number for number in range(rounds) if not log.has(number)]
    if not left:
        progress(f"{name}: all rounds were done before")
        return _first(log.runs, rounds)
    with ExitStack() as stack:
        ready: dict[str, Connection] = {}
        for peer, open_peer in peers.items():
            progress(f"{name}: {peer} gets ready")
            ready[peer] = stack.enter_context(_process(peer, open_peer, files[:1]))
        for number in left:
            for peer, connection in ready.items():
                run = _ask(connection, peer, number, files)
                log.add(run)
                progress(
                    f"{name}, round {number + 1} of {rounds}: {peer} {run.wall_s:.1f} s"
                    f" (others took {run.others:.0%} of the machine)"
                )
    return _first(log.runs, rounds)


def _first(runs: Sequence[Run], rounds: int) -> list[Run]:
    return [run for run in runs if run.round < rounds]


@contextmanager
def _process(peer: str, open_peer: OpenPeer, warm_up: Sequence[Path]) -> Generator[Connection]:
    """A peer's process, ready for work; it ends when the connection does."""
    spawn = multiprocessing.get_context("spawn")
    connection, its_end = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(open_peer, its_end))
    process.start()
    its_end.close()
    try:
        _ask(connection, peer, -1, warm_up)
        yield connection
    finally:
        connection.close()
        process.join()


def _ask(connection: Connection, peer: str, number: int, files: Sequence[Path]) -> Run:
    try:
        connection.send(_Task(peer, number, files))
        answer: object = connection.recv()
    except (EOFError, BrokenPipeError) as error:
        raise SystemExit(f"{peer} ended; what it said is above.") from error
    if not isinstance(answer, Run):
        raise TypeError(f"{peer} sent something else than a run")
    return answer


def _serve(open_peer: OpenPeer, connection: Connection) -> None:
    """A peer's process: transcribe whatever files come in."""
    with open_peer() as peer:
        while True:
            try:
                task = connection.recv()
            except EOFError:
                return
            if isinstance(task, _Task):
                connection.send(_measured(peer, task))


def _measured(peer: Peer, task: _Task) -> Run:
    reset_peaks(family(peer.process))
    meter = Meter(peer.process)
    results = peer.transcribe(task.files)
    usage = meter.read()
    return Run(
        task.peer,
        task.round,
        usage.wall_s,
        usage.cpu_s,
        usage.others,
        peak_mb(family(peer.process)),
        [heard.seconds for heard in results],
        [heard.text for heard in results],
    )


def progress(line: str) -> None:
    """Tell how far it is, beside the results."""
    print(line, file=sys.stderr, flush=True)
