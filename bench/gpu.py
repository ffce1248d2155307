"""The engine on an NVIDIA GPU beside faster-whisper on the same one: same weights, same short clips.

    .venv/bin/python -m bench gpu [--rounds 3] [--most 6] [--peers ours-64,fw-default]

Everybody computes in 16 bits, and the language is unknown to all. Left out where there is no GPU.
"""

import subprocess

import ctranslate2

from bench.chart import SPEED, bars
from bench.clips import short_clips
from bench.figures import number, peer_row, rounded, run_row, times_better
from bench.options import Options, Skipped
from bench.peers import base_model, gpu_peers
from bench.report import Chart, Goal, Report, Row, conditions
from bench.rounds import Run, take_turns

MANY, DEFAULT = "ours-64", "fw-default"


def measure(options: Options) -> Report:
    """All peers on all short clips.

    Raises:
        Skipped: This machine has no GPU that works.
    """
    if not ctranslate2.get_cuda_device_count():
        raise Skipped("this machine has no NVIDIA GPU with a driver that works")
    clips = short_clips(options.clips, longest_s=options.longest_s, most=options.most)
    peers = {name: peer for name, peer in gpu_peers(base_model()).items() if options.takes(name)}
    runs = take_turns("gpu", peers, [clip.path for clip in clips], rounds=options.rounds)
    run_rows = [run_row(run, clips) for run in runs]
    seconds = sum(clip.seconds for clip in clips)
    rows = [_row(name, runs, run_rows, seconds) for name in peers]
    return Report(
        "gpu",
        f"{len(clips)} clips up to {options.longest_s:g} s, {seconds:.0f} s of speech, on {_gpu_name()};"
        " language unknown to all.",
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        _goals({str(row["peer"]): row for row in rows}),
        Chart("Short notes on a GPU", SPEED, bars(rows, "x_real_time")),
        [],
        run_rows,
    )


def _row(name: str, runs: list[Run], run_rows: list[Row], seconds: float) -> Row:
    row = peer_row(run_rows, name, seconds)
    took_part = any(run.peer == DEFAULT for run in runs)
    row["x_fw_default"] = rounded(times_better(runs, name, DEFAULT)) if took_part else None
    return row


def _goals(rows: dict[str, Row]) -> list[Goal]:
    if not {MANY, DEFAULT} <= set(rows):
        return []
    times = number(rows[MANY], "x_fw_default")
    return [Goal("On a GPU, 64 in flight, beside fw-default there", times, 4, at_least=True, unit="x")]


def _gpu_name() -> str:
    named = subprocess.run(
        ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
        check=True,
        capture_output=True,
        text=True,
    )
    return named.stdout.splitlines()[0].strip()
