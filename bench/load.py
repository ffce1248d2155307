"""The load test: mixed traffic and whole notes, and how both change with notes, tenants and workers.

    .venv/bin/python -m bench.load [sizes] [tenants] [workers] [--short] [--sizes 1000,100000,1000000]
                                   [--tenants 1,100,1000] [--seconds 12] [--notes 40] [--rounds 3]
                                   [--into docs]

Each part starts a `vocafuse-server up` of its own, with its Postgres, its worker and the real model, and asks
it over the loopback address; mixed traffic comes from `wrk` (a Debian package).

- sizes: the first tenant has so many notes.
- tenants: so many, who all take part; new ones bring some 100,000 notes more.
- workers: one and two workers, of one thread and one note at a time each; then notes at random times,
  beside `bench/simulate.py`.

`make load` is `--into docs`; with `--short` it is a trial of three minutes, which writes nothing.
"""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.load_page import write_page
from bench.load_parts import Plan, sizes, tenants
from bench.load_workers import workers
from bench.page import keep
from bench.report import Report
from bench.tables import readable

PARTS: dict[str, Callable[[Plan], Report]] = {"sizes": sizes, "tenants": tenants, "workers": workers}
SHORT = Plan(sizes=(1_000, 20_000), tenants=(1, 50), spread=20_000, seconds=5, notes=16, rounds=1)


def main() -> None:
    chosen = _parser().parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This takes wrk: apt-get install wrk")
    plan = SHORT
    if not chosen.short:
        plan = Plan(
            _numbers(chosen.sizes),
            _numbers(chosen.tenants),
            chosen.spread,
            chosen.seconds,
            chosen.notes,
            chosen.rounds,
        )
    for name in chosen.parts or PARTS:
        report = PARTS[name](plan)
        print(readable(report))
        if chosen.into is not None and not chosen.short:
            keep(report, chosen.into)
            write_page(chosen.into)


def _parser() -> argparse.ArgumentParser:
    usual = Plan()
    found = argparse.ArgumentParser(
        prog="python -m bench.load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("parts", nargs="*", metavar="PART", choices=[[], *PARTS], help=", ".join(PARTS))
    found.add_argument("--short", action="store_true", help="a trial, which writes nothing")
    found.add_argument("--sizes", default=",".join(map(str, usual.sizes)), help="notes in the table")
    found.add_argument("--tenants", default=",".join(map(str, usual.tenants)))
    found.add_argument("--spread", type=int, default=usual.spread, help="notes of all tenants together")
    found.add_argument("--seconds", type=int, default=usual.seconds, help="of mixed traffic each time")
    found.add_argument("--notes", type=int, default=usual.notes, help="transcribed each time")
    found.add_argument("--rounds", type=int, default=usual.rounds, help="medians of so many")
    found.add_argument("--into", type=Path, metavar="FOLDER", help="write JSON, charts and page there")
    return found


def _numbers(listed: str) -> tuple[int, ...]:
    return tuple(int(number) for number in listed.split(","))


if __name__ == "__main__":
    main()
