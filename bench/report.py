"""What a benchmark found: rows of figures, what they should have been, and under which conditions."""

import os
import platform
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import psutil
from pydantic import TypeAdapter

Figure = str | int | float | None
Row = dict[str, Figure]
"""A peer's figures by name; `tables.py` has their headings. None: there is none."""

QUIET = 0.05
"""Others may take this share of the machine without a figure being doubted."""
ENOUGH_ROUNDS = 3
# What makes a processor's 8-bit products fast, by the names in /proc/cpuinfo.
_INT8_HELPERS = ("avx2", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")
_PACKAGES = ("vocafuse-server", "ctranslate2", "faster-whisper", "pywhispercpp", "onnxruntime")


@dataclass(frozen=True)
class Goal:
    """A figure that must hold.

    Attributes:
        at_least: Whether more is better; else `bound` is the most that it may be.
        stretch: Something to strive for rather than a promise.
    """

    figure: str
    measured: float
    bound: float
    at_least: bool
    unit: str = ""
    stretch: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


@dataclass(frozen=True)
class Bar:
    """One bar of a chart."""

    label: str
    value: float
    ours: bool


@dataclass(frozen=True)
class Chart:
    title: str
    unit: str
    bars: list[Bar]


@dataclass(frozen=True)
class Conditions:
    """On what and how a benchmark ran.

    Attributes:
        rounds: How often each time was taken; None if the figures are no times.
        others: The largest share of the machine that other jobs took meanwhile.
    """

    when: str
    machine: str
    versions: dict[str, str]
    rounds: int | None
    others: float

    @property
    def doubts(self) -> list[str]:
        """Why the times are not to be relied on."""
        if self.rounds is None:
            return []
        few = (
            [] if self.rounds >= ENOUGH_ROUNDS else [f"only {self.rounds} of at least {ENOUGH_ROUNDS} rounds"]
        )
        busy = [] if self.others <= QUIET else [f"other jobs took up to {self.others:.0%} of the machine"]
        return few + busy


@dataclass(frozen=True)
class Report:
    """A benchmark's result, as it is kept in JSON.

    Attributes:
        part: The benchmark's name, e.g. "engine".
        what: What was transcribed, in a sentence.
        runs: The figures that the rows are made of.
    """

    part: str
    what: str
    conditions: Conditions
    rows: list[Row]
    goals: list[Goal]
    chart: Chart | None = None
    remarks: list[str] = field(default_factory=list[str])
    runs: list[Row] = field(default_factory=list[Row])


_REPORT = TypeAdapter(Report)


def write_report(report: Report, file: Path) -> None:
    file.write_bytes(_REPORT.dump_json(report, indent=1) + b"\n")


def read_report(file: Path) -> Report:
    return _REPORT.validate_json(file.read_bytes())


def conditions(*, rounds: int | None, others: float) -> Conditions:
    """Those of a benchmark that has just ended."""
    today = datetime.now(timezone.utc).date().isoformat()
    versions = {name: version(name) for name in _PACKAGES}
    return Conditions(today, _machine(), versions, rounds, round(others, 3))


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    name = platform.machine() if found is None else found.group(1)
    kinds = [kind for kind in _INT8_HELPERS if f" {kind}" in cpuinfo]
    memory_gb = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0))
    return f"{name}, {cores} cores, {memory_gb:.0f} GB" + (f" ({', '.join(kinds)})" if kinds else "")
