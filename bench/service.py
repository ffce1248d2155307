"""Through the whole service, from a signed upload to the transcript in the database, beside faster-whisper.

    .venv/bin/python -m bench service [--rounds 3] [--most 6] [--json FILE] [--chart FILE.png]

`service-8` is a `vocafuse-server up` on an empty data directory. Its user has eight notes in flight: he
announces an upload, PUTs the bytes to the signed URL, hears by webhook that the note is done, and
reads the transcription. The time ends when the last of them has been read. `fw-default` is handed the same
files as files.
"""

import tempfile
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from bench.chart import SPEED, bars
from bench.clips import short_clips
from bench.figures import peer_row, run_row, times_better
from bench.options import Options
from bench.peers import base_model, fw_sequential
from bench.report import Chart, Goal, Report, conditions
from bench.rounds import Heard, OpenPeer, Peer, take_turns
from bench.server import Arrivals, listening, running_server
from vocafuse import Client

OURS, DEFAULT = "service-8", "fw-default"
IN_FLIGHT = 8
EVENTS = ["voicenote.transcribed", "voicenote.failed"]


def measure(options: Options) -> Report:
    """The service and faster-whisper on all short clips."""
    clips = short_clips(options.clips, longest_s=options.longest_s, most=options.most)
    found: dict[str, OpenPeer] = {
        OURS: partial(service, in_flight=IN_FLIGHT),
        DEFAULT: partial(fw_sequential, base_model()),
    }
    peers = {name: peer for name, peer in found.items() if options.takes(name)}
    runs = take_turns("service", peers, [clip.path for clip in clips], rounds=options.rounds)
    run_rows = [run_row(run, clips) for run in runs]
    seconds = sum(clip.seconds for clip in clips)
    rows = [peer_row(run_rows, name, seconds) for name in peers]
    goals: list[Goal] = []
    if len(peers) == len(found):
        for row, name in zip(rows, peers, strict=True):
            row["x_fw_default"] = round(times_better(runs, name, DEFAULT), 2)
        times = round(times_better(runs, OURS, DEFAULT), 2)
        goals.append(
            Goal(
                "Whole service, 8 in flight, beside fw-default on the files",
                times,
                9,
                at_least=True,
                unit="x",
            )
        )
    return Report(
        "service",
        f"{len(clips)} clips up to {options.longest_s:g} s, {seconds:.0f} s of speech; language unknown.",
        conditions(rounds=options.rounds, others=max(run.others for run in runs)),
        rows,
        goals,
        Chart(
            "From upload to transcript",
            SPEED,
            bars(rows, "x_real_time"),
        ),
        ["The service's processor time and memory are those of all its processes, memory without Postgres."],
        run_rows,
    )


@contextmanager
def service(*, in_flight: int) -> Generator[Peer]:
    """A server on an empty data directory, and its user."""
    with (
        tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder,
        listening() as (url, arrivals),
        running_server(Path(folder) / "data") as server,
        ThreadPoolExecutor(in_flight) as users,
    ):
        server.client.webhooks.create(url=url, events=EVENTS)
        yield Peer(
            lambda paths: list(users.map(partial(through, server.client, arrivals), paths)),
            psutil.Process(server.pid),
        )


def through(client: Client, arrivals: Arrivals, path: Path) -> Heard:
    """One note: from the file to its transcription, read from the service.

    Raises:
        TranscriptionFailedError: The service gave up on it.
    """
    started = time.perf_counter()
    note = client.voicenotes.upload(path)
    arrivals.wait(note.id)
    text = client.voicenotes(note.id).transcription.get().text
    return Heard(text, time.perf_counter() - started)
