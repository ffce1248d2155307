"""What a process and its children cost: processor time and memory, from Linux's /proc."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

# Its processes share one large piece of memory, which each of them would count.
POSTGRES = "postgres"
_RESET_PEAK = "5"


def family(root: psutil.Process) -> Iterator[psutil.Process]:
    """A process and all that it started, directly or not."""
    yield root
    with contextlib.suppress(psutil.NoSuchProcess):
        yield from root.children(recursive=True)


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time so far, with that of children that have ended."""
    total_s = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total_s += times.user + times.system + times.children_user + times.children_system
    return total_s


@dataclass(frozen=True)
class Usage:
    """What some work cost.

    Attributes:
        cpu_s: Processor time of the processes that did it.
        others: Share of the machine's processor time that went to anybody else, its host included.
    """

    wall_s: float
    cpu_s: float
    others: float


class Meter:
    """Measures from its making on.

    Args:
        process: Does the work, with its children: this process or one of its children.
    """

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._me = psutil.Process()
        self._before = self._now()

    def read(self) -> Usage:
        wall_s, machine_s, mine_s, cpu_s = (
            now - before for now, before in zip(self._now(), self._before, strict=True)
        )
        others_s = max(0.0, machine_s - mine_s)
        return Usage(wall_s, cpu_s, others_s / (wall_s * (os.cpu_count() or 1)))

    def _now(self) -> tuple[float, float, float, float]:
        mine_s, cpu_s = cpu_seconds(family(self._me)), cpu_seconds(family(self._process))
        return time.perf_counter(), _machine_cpu_seconds(), mine_s, cpu_s


def _machine_cpu_seconds() -> float:
    """Processor time that the whole machine has spent, with what its host took from it."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def peak_mb(processes: Iterable[psutil.Process]) -> float:
    """Sum of the peaks of resident memory since the last reset, without Postgres."""
    total_kb = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            if process.name() != POSTGRES:
                total_kb += _status_kb(process.pid, "VmHWM")
    return total_kb / 1024


def reset_peaks(processes: Iterable[psutil.Process]) -> None:
    """Let the peaks begin anew from what is resident now; another user's processes keep theirs."""
    for process in processes:
        with contextlib.suppress(OSError):
            Path(f"/proc/{process.pid}/clear_refs").write_text(_RESET_PEAK)


def _status_kb(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0  # it has ended and is waited for
