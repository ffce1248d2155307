"""How much memory the service's processes hold while 8 notes of 30 s are in flight.

    .venv/bin/python -m bench memory [--json FILE]

A `vocafuse-server up` on an empty data directory gets 24 notes, eight at a time. What counts is the peak of
each process's resident memory since its start, loading the model included.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil

from bench.clips import full_windows, short_clips
from bench.options import Options
from bench.report import Goal, Report, Row, conditions
from bench.rounds import WORK, progress
from bench.service import IN_FLIGHT, service
from bench.usage import Meter, family, peak_mb

NOTE_S = 30.0
WAVES = 3
WORKER = "worker"
# A word of each process's command line, and what the process is.
_PROCESSES = {"up": "supervisor", "api": "API", "worker": WORKER, "decoder_process": "decoder"}
BAR_MB = 900


def measure(options: Options) -> Report:
    """The peaks after all notes; rounds make no sense here."""
    clips = short_clips(options.clips, longest_s=options.longest_s)
    english = [clip for clip in clips if clip.language == "en"]
    notes = full_windows(english, WORK / "notes", count=IN_FLIGHT * WAVES, seconds=NOTE_S)[: options.most]
    meter = Meter(psutil.Process())
    with service(in_flight=IN_FLIGHT) as server:
        progress(f"memory: {len(notes)} notes")
        server.transcribe(notes)
        rows = list(_rows(server.process))
    worker_mb = sum(float(row["peak_mb"] or 0) for row in rows if row["process"] == WORKER)
    return Report(
        "memory",
        f"{len(notes)} notes of {NOTE_S:.0f} s, {IN_FLIGHT} in flight.",
        conditions(rounds=None, others=meter.read().others),
        rows,
        [
            Goal(
                "Worker's memory with 8 notes of 30 s in flight", worker_mb, BAR_MB, at_least=False, unit="MB"
            )
        ],
    )


def _rows(root: psutil.Process) -> Iterator[Row]:
    for process in family(root):
        words = {Path(word).name.rpartition(".")[2] for word in process.cmdline()}
        for word, name in _PROCESSES.items():
            if word in words:
                yield {"process": name, "peak_mb": round(peak_mb([process]))}
