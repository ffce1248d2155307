"""Runs benchmarks, prints their figures, and writes them into the documentation.

    .venv/bin/python -m bench [PART …] [--rounds 3] [--most 6] [--peers ours-8,fw-int8] [--clips FOLDER]
                              [--json FILE] [--chart FILE.png] [--into docs]

Parts: engine, field, long_notes, service, dictation, memory, no_speech, latency, gpu; without any, all.
Progress goes to stderr. What is interrupted goes on where it was when the same command is given again, unless
`--fresh`. `--json` and `--chart` are for one part. `--into FOLDER` writes JSON and charts to
FOLDER/benchmarks and all figures into the page FOLDER/benchmarks.md; `make bench` is `--into docs`.

FOLDER of the recordings holds a `manifest.json`: a list of {file, text, language, seconds}. Default:
`../shared/audio/speech` beside the repository where there is one, else the few recordings of the tests.
"""

import argparse
from pathlib import Path

from bench import dictation, engine, gpu, latency, long_notes, memory, no_speech, service
from bench.chart import draw
from bench.clips import LONGEST_SHORT_S, default_folder
from bench.options import Measure, Options, Skipped
from bench.page import keep, write_page
from bench.report import write_report
from bench.rounds import forget, progress
from bench.tables import readable

PARTS: dict[str, Measure] = {
    "engine": engine.measure,
    "field": engine.measure_field,
    "long_notes": long_notes.measure,
    "service": service.measure,
    "dictation": dictation.measure,
    "memory": memory.measure,
    "no_speech": no_speech.measure,
    "latency": latency.measure,
    "gpu": gpu.measure,
}


def main() -> None:
    chosen = _parser().parse_args()
    names: list[str] = chosen.parts or list(PARTS)
    if len(names) > 1 and (chosen.json or chosen.chart):
        raise SystemExit("--json and --chart are for one part; --into is for several.")
    if chosen.fresh:
        forget(names)
    options = Options(
        chosen.clips,
        chosen.longest,
        chosen.most,
        chosen.rounds,
        None if chosen.peers is None else frozenset(chosen.peers.split(",")),
    )
    for name in names:
        try:
            report = PARTS[name](options)
        except Skipped as reason:
            progress(f"{name} is left out: {reason}")
            continue
        print(readable(report))
        if chosen.json is not None:
            write_report(report, chosen.json)
        if chosen.chart is not None and report.chart is not None:
            draw(report.chart, chosen.chart)
        if chosen.into is not None:
            keep(report, chosen.into)
            write_page(chosen.into, list(PARTS))
    forget(names)


def _parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("parts", nargs="*", metavar="PART", choices=[[], *PARTS], help=", ".join(PARTS))
    found.add_argument("--rounds", type=int, default=3, help="turns of each peer")
    found.add_argument("--most", type=int, help="take only so many recordings")
    found.add_argument("--longest", type=float, default=LONGEST_SHORT_S, help="seconds of a short recording")
    found.add_argument("--peers", help="only these, with commas between")
    found.add_argument("--clips", type=Path, default=default_folder(), metavar="FOLDER", help="recordings")
    found.add_argument("--fresh", action="store_true", help="don't go on with what was interrupted")
    found.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    found.add_argument("--chart", type=Path, metavar="FILE.png", help="draw the chart there")
    found.add_argument("--into", type=Path, metavar="FOLDER", help="write JSON, charts and page there")
    return found


if __name__ == "__main__":
    main()
