"""In OpenAI's form, from the request to its text, beside an upload of the file and beside faster-whisper.

    .venv/bin/python -m bench dictation [--rounds 3] [--most 6] [--json FILE] [--chart FILE.png]

`dictation-1` and `dictation-8` are each a `vocafuse-server up` on an empty data directory that OpenAI's own
client asks by `POST /v1/audio/transcriptions`, one request at a time and eight. `service-1` uploads the same
files one at a time and reads their transcriptions; `fw-default` is handed them as files.
"""

import tempfile
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from openai import OpenAI

from bench.chart import SPEED, bars
from bench.clips import short_clips
from bench.figures import OfRun, latency_p50, peer_row, rounded, run_row, times_better, wall
from bench.options import Options
from bench.peers import base_model, fw_sequential
from bench.report import Chart, Goal, Report, conditions
from bench.rounds import Heard, OpenPeer, Peer, Run, take_turns
from bench.server import PATIENCE_S, running_server
from bench.service import DEFAULT, service

ONE, MANY, UPLOAD = "dictation-1", "dictation-8", "service-1"


def measure(options: Options) -> Report:
    """All peers on all short clips."""
    clips = short_clips(options.clips, longest_s=options.longest_s, most=options.most)
    peers = {name: peer for name, peer in _peers().items() if options.takes(name)}
    runs = take_turns("dictation", peers, [clip.path for clip in clips], rounds=options.rounds)
    run_rows = [run_row(run, clips) for run in runs]
    seconds = sum(clip.seconds for clip in clips)
    rows = [peer_row(run_rows, name, seconds) for name in peers]
    if DEFAULT in peers:
        for row, name in zip(rows, peers, strict=True):
            row["x_fw_default"] = rounded(times_better(runs, name, DEFAULT))
    return Report(
        "dictation",
        f"{len(clips)} clips up to {options.longest_s:g} s, {seconds:.0f} s of speech; language unknown.",
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        _goals(runs, set(peers)),
        Chart("From request to text, in OpenAI's form", SPEED, bars(rows, "x_real_time")),
        ["The text alone is asked for; an upload's words are timed as well."],
        run_rows,
    )


def _peers() -> dict[str, OpenPeer]:
    return {
        MANY: partial(dictation, in_flight=8),
        ONE: partial(dictation, in_flight=1),
        UPLOAD: partial(service, in_flight=1),
        DEFAULT: partial(fw_sequential, base_model()),
    }


def _goals(runs: Sequence[Run], took_part: set[str]) -> list[Goal]:
    """What must hold, as far as those it is about took part."""
    promised: list[tuple[str, str, str, OfRun, float]] = [
        ("In OpenAI's form, 8 in flight, beside fw-default on the files", MANY, DEFAULT, wall, 9),
        ("Latency of one request in OpenAI's form, below fw-default's", ONE, DEFAULT, latency_p50, 5),
        ("Latency of one request in OpenAI's form, below an upload's", ONE, UPLOAD, latency_p50, 1),
    ]
    return [
        Goal(said, round(times_better(runs, peer, baseline, figure), 2), bound, at_least=True, unit="x")
        for said, peer, baseline, figure, bound in promised
        if {peer, baseline} <= took_part
    ]


@contextmanager
def dictation(*, in_flight: int) -> Generator[Peer]:
    """A server on an empty data directory, and OpenAI's client with so many requests in flight."""
    with (
        tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder,
        running_server(Path(folder) / "data") as server,
        ThreadPoolExecutor(in_flight) as users,
    ):
        known = server.credentials
        pair = f"{known['api_key']}:{known['api_secret']}"
        with OpenAI(base_url=known["base_url"], api_key=pair, max_retries=0, timeout=PATIENCE_S) as client:
            yield Peer(
                lambda paths: list(users.map(partial(text_of, client), paths)), psutil.Process(server.pid)
            )


def text_of(client: OpenAI, path: Path) -> Heard:
    """One request: from the file to its text."""
    started = time.perf_counter()
    text = client.audio.transcriptions.create(model="whisper-1", file=path).text
    return Heard(text, time.perf_counter() - started)
