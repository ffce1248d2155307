"""Ten notes of about a minute, beside faster-whisper's batched pipeline, which is made for long recordings.

    .venv/bin/python -m bench long_notes [--rounds 3] [--most 2] [--json FILE] [--chart FILE.png]

Recordings of 50 to 75 s come as they are; the other notes are short clips of one reader, joined with gaps of
0.4 s. The pipeline takes its pieces in batches of 1, 2, 4, 8 and 16, with int8 weights; we are compared with
the size that is the fastest on this machine.
"""

from collections.abc import Sequence
from functools import partial

from bench.chart import SPEED, bars
from bench.clips import Clip, load_clips, minute_notes
from bench.figures import middle, peer_row, run_row, times_better, wall
from bench.options import Options, Skipped
from bench.peers import base_model, fw_batched, ours
from bench.report import Chart, Goal, Report, Row, conditions
from bench.rounds import WORK, OpenPeer, Run, take_turns
from vocafuse_server.transcription.weights import ModelFiles

NOTES = 10
BATCH_SIZES = (1, 2, 4, 8, 16)
MANY = "ours-8"


def measure(options: Options) -> Report:
    """Ours with 8 and with 1 in flight, and the pipeline at every batch size."""
    notes = minute_notes(load_clips(options.clips), WORK / "notes", count=min(NOTES, options.most or NOTES))
    if not notes:
        raise Skipped(f"{options.clips} holds too little to make notes of a minute from")
    peers = {name: peer for name, peer in _peers(base_model()).items() if options.takes(name)}
    runs = take_turns("long_notes", peers, [note.path for note in notes], rounds=options.rounds)
    run_rows = [run_row(run, notes) for run in runs]
    seconds = sum(note.seconds for note in notes)
    batched = [name for name in peers if name.startswith("fw-batched")]
    best = min(batched, key=lambda name: middle(runs, name, wall), default=None)
    rows = [_row(name, runs, run_rows, seconds, best) for name in peers]
    return Report(
        "long_notes",
        _described(notes, seconds),
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        _goals(runs, best),
        Chart(
            "Notes of a minute",
            SPEED,
            bars(rows, "x_real_time"),
        ),
        [] if best is None else [f"The pipeline's best on this machine is {best}."],
        run_rows,
    )


def _peers(model: ModelFiles) -> dict[str, OpenPeer]:
    found: dict[str, OpenPeer] = {
        MANY: partial(ours, model, in_flight=8),
        "ours-1": partial(ours, model, in_flight=1),
    }
    return found | {f"fw-batched-{size}": partial(fw_batched, model, batch_size=size) for size in BATCH_SIZES}


def _described(notes: Sequence[Clip], seconds: float) -> str:
    lengths = [note.seconds for note in notes]
    joined = sum(note.path.parent == WORK / "notes" for note in notes)
    return (
        f"{len(notes)} notes of {min(lengths):.0f} to {max(lengths):.0f} s, {seconds:.0f} s of speech,"
        f" {joined} of them joined from short clips of one reader; language unknown to all."
    )


def _row(name: str, runs: Sequence[Run], run_rows: Sequence[Row], seconds: float, best: str | None) -> Row:
    row = peer_row(run_rows, name, seconds)
    row["x_best_batched"] = None if best is None else round(times_better(runs, name, best), 2)
    return row


def _goals(runs: Sequence[Run], best: str | None) -> list[Goal]:
    if best is None or not any(run.peer == MANY for run in runs):
        return []
    times = round(times_better(runs, MANY, best), 2)
    return [Goal(f"Notes of a minute, 8 in flight, beside {best}", times, 1.3, at_least=True, unit="x")]
