"""From the end of an upload to the webhook's arrival, for one short note on an idle server.

    .venv/bin/python -m bench latency [--most 20] [--json FILE]

A server of its own (`vocafuse-server up` on an empty data directory) gets the bundled sample again and again,
and each time the signed webhook is waited for. The parts come from the server's own log. The floor, in the
same run: the engine alone, called on the same samples, with nothing around it.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from bench.figures import percentile
from bench.options import Options
from bench.peers import base_model
from bench.report import Goal, Report, Row, conditions
from bench.rounds import progress
from bench.server import listening, running_server
from bench.usage import Meter
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.samples import VOICE_NOTE
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import TranscribeOptions
from vocafuse_server.transcription.hardware import choose_hardware

RUNS = 20
WARM_UPS = 2
"""The first notes warm the caches and the connections."""
BAR_MS = 2500
# What the log calls each part, in the order in which they happen.
PARTS = {
    "wait in the queue": "queue_ms",
    "read the object": "read_ms",
    "decode the audio": "decode_ms",
    "find the speech": "vad_ms",
    "features": "features_ms",
    "encode": "encode_ms",
    "decode the text": "generate_ms",
    "time the words": "align_ms",
    "commit": "commit_ms",
}
Logged = dict[str, float]


def measure(options: Options) -> Report:
    """The parts and the whole, medians of so many notes."""
    runs = options.most or RUNS
    meter = Meter(psutil.Process())
    with tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder:
        totals_s, logged = webhooks(Path(folder) / "data", runs)
    progress("latency: the engine alone")
    alone_ms = 1000 * asyncio.run(engine_alone(runs))
    total_ms = 1000 * median(totals_s)
    parts_ms = {name: median(line[key] for line in logged) for name, key in PARTS.items()}
    parts_ms["deliver the webhook"] = max(0.0, total_ms - sum(parts_ms.values()))
    figures = parts_ms | {
        "upload to webhook": total_ms,
        "upload to webhook, p95": 1000 * percentile(totals_s, 0.95),
        "the engine alone": alone_ms,
    }
    rows: list[Row] = [{"part": name, "ms": round(value, 1)} for name, value in figures.items()]
    return Report(
        "latency",
        f"One note of {logged[0]['duration_s']} s on an idle server, {runs} times, medians.",
        conditions(rounds=runs, others=meter.read().others),
        rows,
        [Goal("Upload to webhook, one note", round(total_ms), BAR_MS, at_least=False, unit="ms")],
        remarks=[f"The whole takes {total_ms / alone_ms:.2f} times what the engine alone takes."],
    )


def webhooks(data_dir: Path, runs: int) -> tuple[list[float], list[Logged]]:
    """Seconds from the end of each upload to its webhook, and the parts that the server logged."""
    totals_s: list[float] = []
    with listening() as (url, arrivals), running_server(data_dir) as server:
        server.client.webhooks.create(url=url, events=["voicenote.transcribed"])
        for _ in range(runs + WARM_UPS):
            note = server.client.voicenotes.upload(VOICE_NOTE, on_progress=(sent := _LastByte()))
            totals_s.append(arrivals.wait(note.id) - sent.at_s)
            progress(f"latency: {1000 * totals_s[-1]:.0f} ms")
        lines = server.log_file.read_text().splitlines()
    logged = [json.loads(line) for line in lines if "note transcribed" in line]
    return totals_s[WARM_UPS:], logged[WARM_UPS:]


class _LastByte:
    """When the last byte of an upload was handed to the network."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self, sent: int, total: int) -> None:
        self.at_s = time.perf_counter()


async def engine_alone(runs: int) -> float:
    """Median seconds of the engine on the sample, with nothing around it."""
    decoder = DecoderPool(processes=1, limits=DecoderLimits())
    audio = await decoder.decode(VOICE_NOTE.read_bytes())
    await decoder.close()
    engine = await asyncio.to_thread(AdaptiveWhisper.load, base_model(), choose_hardware())
    await engine.warm()
    times_s: list[float] = []
    for _ in range(runs):
        started = time.perf_counter()
        await engine.transcribe(audio.samples, TranscribeOptions())
        times_s.append(time.perf_counter() - started)
    await engine.close()
    return median(times_s)
