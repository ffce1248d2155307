"""What a fleet needs for so many notes a second, from what was measured on one small machine.

Reads docs/benchmarks/sizes.json, which `make load` wrote, and gpu.json beside it, and fills the tables of
docs/scaling.md. What is not measured is an assumption, named below; docs/scaling.md says where each comes
from.

    python -m bench.scaling [--into docs]
"""

import argparse
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.clips import ROOT
from bench.figures import number
from bench.page import FIGURES, between_marks
from bench.report import Report, read_report
from bench.simulate import Workers, bursts, run, steady, summary, within

PAGE = "scaling.md"
BEGIN = "<!-- Figures: written by `python -m bench.scaling`. -->"
RATES = (1, 100, 10_000)
NOTE_S = 5.1
"""Length of the notes that were measured."""

# How busy workers may be on average, so that bursts and the loss of one are borne.
BUSY = 0.6
# Opus at 32 kbit/s, as browsers record.
AUDIO_BYTES = NOTE_S * 4_000
# A row, its indexes, a text with its words, deliveries: measured without text, the rest estimated.
ROW_BYTES = 6_000
CELL_NOTES_A_SECOND = 100
"""What one cell is made for."""

# US dollars, list prices; docs/scaling.md has the dates and sources.
CORE_HOUR = 0.0408
GPU_HOUR = 3.00
STORE_GB_MONTH = 0.023
STORE_PUT = 0.005 / 1000
HOSTED_A_MINUTE = {
    "Google Chirp 3": 0.016,
    "AssemblyAI, pre-recorded": 0.37 / 60,
    "OpenAI whisper-1, gpt-4o-transcribe": 0.006,
    "Deepgram Nova-3, batch": 0.0043,
    "OpenAI gpt-4o-mini-transcribe": 0.003,
}
_HOUR_S, _DAY_S, _MONTH_DAYS = 3600, 86_400, 30


@dataclass(frozen=True)
class Measured:
    """What a note of 5.1 s took.

    Attributes:
        cpu_s: Processor time of all processes, without a GPU.
        postgres_s: What of it was Postgres's.
        gpu_s: Time of one worker's GPU, and
        beside_gpu_s: the processor time of that worker.
    """

    cpu_s: float
    postgres_s: float
    gpu_s: float
    beside_gpu_s: float

    @property
    def worker_s(self) -> float:
        return self.cpu_s - self.postgres_s


def measured(load: Report, gpu: Report) -> Measured:
    """The load test's figures at the largest table, and those of the engine on a GPU with most in flight."""
    row, on_gpu = load.rows[-1], gpu.rows[0]
    speech_s = number(on_gpu, "x_real_time") * number(on_gpu, "wall_s")
    return Measured(
        number(row, "cpu_s_a_note"),
        number(row, "postgres_ms_a_note") / 1000,
        NOTE_S / number(on_gpu, "x_real_time"),
        NOTE_S / speech_s * number(on_gpu, "cpu_s"),
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--into", type=Path, metavar="FOLDER", help="write the page there")
    chosen = options.parse_args()
    load, gpu = (read_report(ROOT / "docs" / FIGURES / f"{part}.json") for part in ("sizes", "gpu"))
    found = measured(load, gpu)
    tables = "\n\n".join(
        [
            f"### What it takes\n\n{needs_table(found)}",
            f"### What 1,000 notes cost\n\n{prices_table(found)}",
            f"### How long notes wait\n\n{waiting_table(found)}",
        ]
    )
    if chosen.into is None:
        print(tables)
    else:
        page = (ROOT / "docs" / PAGE).read_text()
        (chosen.into / PAGE).write_text(between_marks(page, tables, begin=BEGIN))


def needs_table(found: Measured) -> str:
    """One column for each rate."""
    rows = [
        ("cells", [f"{cells(rate):,}" for rate in RATES]),
        ("on processors: cores of APIs and workers", [f"{cores(found, rate):,}" for rate in RATES]),
        ("or on GPUs: H200s", [f"{gpus(found, rate):,}" for rate in RATES]),
        ("… and cores beside them", [f"{cores(found, rate, with_gpu=True):,}" for rate in RATES]),
        ("Postgres: cores busy", [_short(rate * found.postgres_s) for rate in RATES]),
        ("Postgres: rows a month", [_bytes(_monthly(rate) * ROW_BYTES) for rate in RATES]),
        ("audio a day", [_bytes(rate * _DAY_S * AUDIO_BYTES) for rate in RATES]),
        ("audio coming in", [f"{_short(rate * AUDIO_BYTES * 8 / 1e6)} Mbit/s" for rate in RATES]),
    ]
    return _table(["notes a second", *(f"{rate:,}" for rate in RATES)], rows)


def prices_table(found: Measured) -> str:
    """Ours by parts, and the hosted ones."""
    on_cores = found.cpu_s / BUSY * CORE_HOUR / _HOUR_S * 1000
    beside_s = found.beside_gpu_s + found.postgres_s
    on_gpus = (found.gpu_s * GPU_HOUR + beside_s * CORE_HOUR) / BUSY / _HOUR_S * 1000
    storing = 1000 * (AUDIO_BYTES / 1e9 * STORE_GB_MONTH + 2 * STORE_PUT)
    rows = [
        ("ours on processors", [_dollars(on_cores + storing)]),
        ("ours on GPUs", [_dollars(on_gpus + storing)]),
        ("… of either: the first month of the audio's keeping, and its two writes", [_dollars(storing)]),
        *((name, [_dollars(1000 * NOTE_S / 60 * minute)]) for name, minute in HOSTED_A_MINUTE.items()),
    ]
    return _table(["1,000 notes of 5.1 s", "US$"], rows)


def waiting_table(found: Measured) -> str:
    """The simulation of workers of one core each; steady, and with bursts of three times the rate."""
    rows: list[tuple[str, list[str]]] = []
    for rate, seconds in ((1, _HOUR_S), (100, _HOUR_S // 4)):
        for times in (1, 3):
            fewest = math.ceil(rate * found.worker_s / 0.9)
            for count in sorted({math.ceil(fewest * share) for share in (1, 1.25, 1.5, 2, 3)}):
                rows.append((f"{rate}", _waiting(found, rate, count, times, seconds)))
    return _table(
        ["notes a second", "at most", "workers", "busy", "wait, mean s", "delay p95 s", "p99 s"], rows
    )


def _waiting(found: Measured, rate: int, count: int, times: int, seconds: int) -> list[str]:
    chance = random.Random(rate + times)
    coming = steady(rate, chance) if times == 1 else bursts(rate, times, chance)
    waiting = summary(run(within(coming, seconds), Workers(count, lambda _: found.worker_s)), count)
    figures = (waiting.wait_mean_s, waiting.delay_p95_s, waiting.delay_p99_s)
    return [f"{times * rate}", f"{count}", f"{waiting.busy:.0%}", *(f"{figure:.2f}" for figure in figures)]


def cells(rate: float) -> int:
    return math.ceil(rate / CELL_NOTES_A_SECOND)


def cores(found: Measured, rate: float, *, with_gpu: bool = False) -> int:
    """Of APIs and workers, Postgres left out."""
    return math.ceil(rate * (found.beside_gpu_s if with_gpu else found.worker_s) / BUSY)


def gpus(found: Measured, rate: float) -> int:
    return math.ceil(rate * found.gpu_s / BUSY)


def _monthly(rate: float) -> float:
    return rate * _DAY_S * _MONTH_DAYS


def _bytes(amount: float) -> str:
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 1000:
            return f"{amount:,.3g} {unit}"
    return f"{amount / 1000:,.3g} PB"


def _short(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2g}"


def _dollars(amount: float) -> str:
    return f"{amount:.3f}"


def _table(heading: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    lines = [
        heading,
        ["---", *(["---:"] * (len(heading) - 1))],
        *([name, *amounts] for name, amounts in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
