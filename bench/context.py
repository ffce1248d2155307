"""How much audio the encoder needs to be given: rules for the context, measured on all recordings.

    .venv/bin/python -m bench.context [--clips FOLDER] [--most 6] [--into docs] [MODEL …]

Every recording is transcribed as it is, with white noise at 10 and at 3 dB, and its beginning of 0.3 to 3 s
alone, under each rule, language unknown. All on one core: a quarter of an hour for `base`, less than half of
that for `tiny.en`, which gets the English recordings. `--into FOLDER` writes the figures into the page
FOLDER/context.md and, as JSON, into FOLDER/benchmarks.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.clips import ROOT, default_folder, load_clips
from bench.context_figures import error_rows, language_rows
from bench.context_passes import CUT, FULL, Heard, Listener, Note, Rule, make_notes
from bench.page import FIGURES, between_marks, keep, small_print
from bench.report import Report, conditions, read_report
from bench.rounds import WORK, progress
from bench.tables import markdown_table, readable
from bench.usage import Meter
from vocafuse_server.transcription.context import MARGIN_S, MIN_CONTEXT_S
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.weights import resolve_model
from vocafuse_server.transcription.whisper import load_model

PAGE = "context.md"
MODELS = ("base", "tiny.en")
OURS = Rule(MIN_CONTEXT_S, MARGIN_S)
RULES = [
    FULL,
    Rule(0.0, 1.0),
    Rule(0.0, 2.0),
    Rule(5.0, 1.0),
    Rule(5.0, 2.0),
    Rule(5.0, 2.5),
    Rule(5.0, 3.0),
    Rule(8.0, 2.5),
]
_ONE_CORE = Hardware("cpu", "int8", workers=1, threads=1)


def main() -> None:
    chosen = _parser().parse_args()
    for name in chosen.models or MODELS:
        for report in measure(name, chosen.clips, most=chosen.most):
            print(readable(report))
            if chosen.into is not None:
                keep(report, chosen.into)
    if chosen.into is not None:
        write_page(chosen.into)


def _parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m bench.context",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("models", nargs="*", metavar="MODEL", help="default: " + " ".join(MODELS))
    found.add_argument("--clips", type=Path, default=default_folder(), metavar="FOLDER", help="recordings")
    found.add_argument("--most", type=int, help="take only so many recordings")
    found.add_argument("--into", type=Path, metavar="FOLDER", help="write JSON and page there")
    return found


def measure(name: str, folder: Path, *, most: int | None = None) -> list[Report]:
    """All rules on all notes with one model."""
    model = load_model(resolve_model(name, data_dir=WORK), _ONE_CORE)
    clips = [clip for clip in load_clips(folder) if clip.language == "en" or name != "tiny.en"]
    notes = list(make_notes(clips[:most]))
    listener = Listener(model)
    meter = Meter(psutil.Process())
    heard: list[dict[Rule, Heard]] = []
    for number, note in enumerate(notes, 1):
        heard.append({rule: listener.hear(note, rule) for rule in RULES})
        if not number % 25:
            progress(f"{name}: {number} of {len(notes)} notes")
    return _reports(name, notes, heard, others=meter.read().others)


def _reports(
    name: str, notes: Sequence[Note], heard: Sequence[dict[Rule, Heard]], *, others: float
) -> list[Report]:
    """One on errors, and one on languages where the model knows several."""
    english = sum(note.clip.language == "en" for note in notes)
    what = (
        f"`{name}`: {len(notes)} notes in which somebody speaks ({english} English, {len(notes) - english} in"
        f" other languages), {sum(note.seconds for note in notes):.0f} s in all, of which"
        f" {sum(note.kind == CUT for note in notes)} are cut beginnings."
    )
    found = conditions(rounds=None, others=others)
    reports = [Report(f"context-{name}", what, found, error_rows(notes, heard, OURS), [])]
    if languages := language_rows(notes, heard, OURS):
        reports.append(
            Report(f"context-languages-{name}", f"`{name}`: languages detected.", found, languages, [])
        )
    return reports


def write_page(folder: Path) -> None:
    """Fill the page with the figures of all models that were ever measured into this folder."""
    files = sorted((folder / FIGURES).glob("context-*.json"))
    page = (ROOT / "docs" / PAGE).read_text()
    (folder / PAGE).write_text(between_marks(page, page_figures([read_report(file) for file in files])))


def page_figures(reports: Sequence[Report]) -> str:
    """The tables for the page."""
    parts = [
        part
        for report in reports
        for part in (report.what, markdown_table(report.rows), small_print(report.conditions))
    ]
    return "\n\n".join(parts) or "Nothing has been measured yet."
