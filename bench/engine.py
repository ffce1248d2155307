"""The engine beside what users would pick instead: same weights, same short clips, language unknown.

    .venv/bin/python -m bench engine [--rounds 3] [--most 6] [--peers ours-8,fw-int8]
    .venv/bin/python -m bench field

`engine` has those whom promises are about, `field` the others, which together take as long again.
Times go from the file to its text, decoding included. `ours-8` has eight notes in flight, everybody else one:
none of them has a way to take several files at a time.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer

from bench.chart import SPEED, bars
from bench.clips import Clip, short_clips
from bench.figures import (
    changed_texts,
    latency_p50,
    middle,
    number,
    peer_row,
    run_row,
    times_better,
    wall,
)
from bench.options import Options
from bench.peak import int8_peak
from bench.peers import base_model, short_note_peers
from bench.report import Chart, Goal, Report, Row, conditions
from bench.rounds import OpenPeer, Run, take_turns
from bench.work import least_operations
from vocafuse_server.transcription.weights import ModelFiles

MANY, ONE, DEFAULT, INT8 = "ours-8", "ours-1", "fw-default", "fw-int8"
FIELD = (MANY, "fw-tuned", "fw-batched", "whisper.cpp")


def measure(options: Options) -> Report:
    """Those whom promises are about, on all short clips."""
    clips = short_clips(options.clips, longest_s=options.longest_s, most=options.most)
    model = base_model()
    peers = _chosen(model, (MANY, ONE, DEFAULT, INT8), options)
    peak = int8_peak()
    runs = take_turns("engine", peers, [clip.path for clip in clips], rounds=options.rounds)
    peak = max(peak, int8_peak())
    work = least_operations(_sizes(clips, model))
    run_rows = [run_row(run, clips) for run in runs]
    seconds = sum(clip.seconds for clip in clips)
    rows = [_row(name, runs, run_rows, seconds, limit_s=work / peak) for name in peers]
    return Report(
        "engine",
        _described(clips, options),
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        _goals(runs, {str(row["peer"]): row for row in rows}),
        Chart(
            "Short notes",
            SPEED,
            bars(rows, "x_real_time"),
        ),
        [
            f"The int8 peak of this machine is {peak / 1e9:.0f} GOP/s; the least work for these clips,"
            f" {work / 1e9:.0f} GOP, would take {work / peak:.2f} s at that."
        ],
        run_rows,
    )


def measure_field(options: Options) -> Report:
    """The others, beside our engine with many in flight."""
    clips = short_clips(options.clips, longest_s=options.longest_s, most=options.most)
    peers = _chosen(base_model(), FIELD, options)
    runs = take_turns("field", peers, [clip.path for clip in clips], rounds=options.rounds)
    run_rows = [run_row(run, clips) for run in runs]
    rows = [peer_row(run_rows, name, sum(clip.seconds for clip in clips)) for name in peers]
    if MANY in peers:
        for name, row in zip(peers, rows, strict=True):
            row["x_ours"] = round(times_better(runs, MANY, name), 2)
    return Report(
        "field",
        _described(clips, options),
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        [],
        Chart("Short notes, the others", SPEED, bars(rows, "x_real_time")),
        [],
        run_rows,
    )


def _chosen(model: ModelFiles, names: Sequence[str], options: Options) -> dict[str, OpenPeer]:
    return {
        name: peer for name, peer in short_note_peers(model).items() if name in names and options.takes(name)
    }


def _described(clips: Sequence[Clip], options: Options) -> str:
    english = sum(clip.language == "en" for clip in clips)
    return (
        f"{len(clips)} clips up to {options.longest_s:g} s ({english} English, {len(clips) - english} in"
        f" other languages), {sum(clip.seconds for clip in clips):.0f} s of speech; language unknown to all."
    )


def _sizes(clips: Sequence[Clip], model: ModelFiles) -> list[tuple[float, int]]:
    tokenizer = Tokenizer.from_file(str(model.path / "tokenizer.json"))
    return [
        (clip.seconds, len(tokenizer.encode(f" {clip.text}", add_special_tokens=False).ids)) for clip in clips
    ]


def _row(name: str, runs: Sequence[Run], run_rows: Sequence[Row], seconds: float, *, limit_s: float) -> Row:
    row = peer_row(run_rows, name, seconds)
    took_part = {run.peer for run in runs}
    for heading, baseline in (("x_fw_default", DEFAULT), ("x_fw_int8", INT8)):
        row[heading] = round(times_better(runs, name, baseline), 2) if baseline in took_part else None
    row["of_int8_peak"] = round(100 * limit_s / middle(runs, name, wall), 1)
    return row


def _goals(runs: Sequence[Run], rows: dict[str, Row]) -> list[Goal]:
    """What must hold, as far as those it is about took part."""
    goals: list[Goal] = []
    if {MANY, DEFAULT} <= set(rows):
        goals.append(_times("Short notes, 8 in flight, beside fw-default", runs, MANY, DEFAULT, 12))
    if {MANY, INT8} <= set(rows):
        goals.append(_times("Short notes, 8 in flight, beside fw-int8", runs, MANY, INT8, 9))
    if {ONE, INT8} <= set(rows):
        lower = round(times_better(runs, ONE, INT8, latency_p50), 2)
        goals.append(Goal("Latency of one note alone, below fw-int8's", lower, 5, at_least=True, unit="x"))
    if MANY in rows:
        share = number(rows[MANY], "of_int8_peak")
        goals.append(Goal("Share of the int8 peak", share, 30, at_least=True, unit="%", stretch=True))
    if {MANY, DEFAULT} <= set(rows):
        goals += _error_goals(rows[MANY], rows[DEFAULT])
    if {MANY, ONE} <= set(rows):
        changed = changed_texts(runs, MANY, ONE)
        goals.append(Goal("Transcripts that differ with 8 in flight", changed, 0, at_least=False))
    return goals


def _times(figure: str, runs: Sequence[Run], peer: str, baseline: str, bound: float) -> Goal:
    return Goal(figure, round(times_better(runs, peer, baseline), 2), bound, at_least=True, unit="x")


def _error_goals(mine: Row, theirs: Row) -> list[Goal]:
    goals: list[Goal] = []
    for name, which, bound in (("wer_english", "English", 0.3), ("wer_others", "other languages", 1.0)):
        if mine[name] is not None:
            worse = round(number(mine, name) - number(theirs, name), 2)
            figure = f"Word error rate, {which}: worse than fw-default by"
            goals.append(Goal(figure, worse, bound, at_least=False, unit="points"))
    return goals
