"""From the end of an upload to the webhook's arrival, for one short note on an idle server.

Starts a server of its own (`vocafuse-server up` on a temporary data directory), uploads the bundled
sample again and again, and waits each time for the signed webhook at a real listener on this machine.
The parts come from the server's own log. The floor, in the same run: the engine alone, called in this
process on the same samples, with nothing around it.

    python bench/latency.py [--runs 20] [--json]
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

from vocafuse import Client
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.cli import SAMPLE
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import TranscribeOptions
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

BAR_S = 2.5
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
DELIVER = "deliver the webhook"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder:
        data_dir = Path(folder) / "data"
        totals_s, logged = measure(data_dir, chosen.runs)
        floor_s = asyncio.run(engine_alone(data_dir, chosen.runs))
    report(totals_s, logged, floor_s, as_json=chosen.json)


def measure(data_dir: Path, runs: int) -> tuple[list[float], list[dict[str, float]]]:
    """Seconds from the end of each upload to its webhook, and the parts that the server logged."""
    totals_s: list[float] = []
    with listening() as (url, arrivals), running_server(data_dir) as (client, log_file):
        client.webhooks.create(url=url, events=["voicenote.transcribed"])
        for run in range(runs + 2):
            note = client.voicenotes.upload(SAMPLE, on_progress=(sent := _LastByte()))
            note_id, arrived = arrivals.get(timeout=60)
            if note_id != note.id:
                raise RuntimeError("another note's webhook arrived")
            if run >= 2:  # the first two warm the caches and the connections
                totals_s.append(arrived - sent.at)
        parts = [json.loads(line) for line in log_file.read_text().splitlines() if "note transcribed" in line]
    return totals_s, parts[2:]


class _LastByte:
    """When the last byte of an upload was handed to the network."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self, sent: int, total: int) -> None:
        self.at = time.monotonic()


@contextmanager
def listening() -> Generator[tuple[str, "Queue[tuple[str, float]]"]]:
    """A listener's URL, and the note's id and the time of each webhook that arrives."""
    arrivals: Queue[tuple[str, float]] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived = time.monotonic()
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            arrivals.put((body["voicenote"]["id"], arrived))

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/", arrivals
        http.shutdown()


@contextmanager
def running_server(data_dir: Path) -> Generator[tuple[Client, Path]]:
    """A client of a server that runs while the block does, and the server's log."""
    environment = {
        **os.environ,
        "VOCAFUSE_DATA_DIR": str(data_dir),
        "VOCAFUSE_PORT": "0",
        "VOCAFUSE_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "VOCAFUSE_LOG_FORMAT": "json",
    }
    log_file = data_dir.with_suffix(".log")
    with log_file.open("w") as log:
        command = [sys.executable, "-m", "vocafuse_server.cli", "up"]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert server.stdout is not None
        if not any("--wait" in line for line in server.stdout):
            raise RuntimeError(log_file.read_text())
        known = json.loads((data_dir / "credentials.json").read_text())
        with Client(known["api_key"], known["api_secret"], known["base_url"]) as client:
            yield client, log_file
    finally:
        server.terminate()
        server.communicate()


async def engine_alone(data_dir: Path, runs: int) -> float:
    """Median seconds of the engine on the sample, with nothing around it."""
    decoder = DecoderPool(processes=1, limits=DecoderLimits())
    audio = await decoder.decode(SAMPLE.read_bytes())
    await decoder.close()
    engine = AdaptiveWhisper.load(resolve_model("base", data_dir=data_dir), choose_hardware())
    await engine.warm()
    times_s: list[float] = []
    for _ in range(runs):
        started = time.monotonic()
        await engine.transcribe(audio.samples, TranscribeOptions())
        times_s.append(time.monotonic() - started)
    await engine.close()
    return statistics.median(times_s)


def report(totals_s: list[float], logged: list[dict[str, float]], floor_s: float, *, as_json: bool) -> None:
    """Print the parts and the whole."""
    parts_ms = {name: statistics.median(line[key] for line in logged) for name, key in PARTS.items()}
    total_ms = statistics.median(totals_s) * 1000
    parts_ms[DELIVER] = max(0.0, total_ms - sum(parts_ms.values()))
    ordered = sorted(totals_s)
    figures = {
        "runs": len(totals_s),
        "median_ms": round(total_ms, 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))] * 1000, 1),
        "max_ms": round(ordered[-1] * 1000, 1),
        "engine_alone_ms": round(floor_s * 1000, 1),
        "times_the_engine_alone": round(total_ms / 1000 / floor_s, 2),
        "bar_ms": BAR_S * 1000,
        "parts_ms": {name: round(value, 1) for name, value in parts_ms.items()},
    }
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    print(f"One note of {logged[0]['duration_s']} s on an idle server, {len(totals_s)} runs, medians\n")
    for name, value in parts_ms.items():
        print(f"  {name:<22}{value:8.1f} ms")
    ratio = figures["times_the_engine_alone"]
    print(f"\n  {'upload to webhook':<22}{total_ms:8.1f} ms   (p95 {figures['p95_ms']}; bar {BAR_S} s)")
    print(f"  {'the engine alone':<22}{floor_s * 1000:8.1f} ms   (the whole takes {ratio} x that)")


if __name__ == "__main__":
    main()
