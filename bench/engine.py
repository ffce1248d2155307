"""The engine beside faster-whisper: same weights, same clips, language unknown, taking turns.

Every peer has a process of its own, loads once, warms up on one clip, and then waits; the rounds go through
the peers one after another, so that a slow minute of a shared machine hits all of them. Times go from the
file to its text, decoding included. A ratio compares two peers of the same round; medians over the rounds.

    python bench/engine.py [--clips FOLDER] [--longest 20] [--rounds 3] [--peers ours-8,ours-1,...] [--json]

FOLDER holds a manifest.json: a list of {file, text, language, seconds}. Default: `../shared/audio/speech`
beside the repository where there is one, else the few clips of the tests.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jiwer
from faster_whisper import WhisperModel
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import TranscribeOptions
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import ModelFiles, resolve_model

ROOT = Path(__file__).parents[1]
SHARED_CLIPS = ROOT.parent / "shared" / "audio" / "speech"
TEST_CLIPS = ROOT / "server" / "tests" / "audio"
BY_CHARACTER = {"ja", "zh"}
BASELINES = ("fw-default", "fw-int8")

Transcribe = Callable[[Sequence[Path]], list[tuple[str, float]]]
"""Takes files, gives the text of each and the seconds from its turn to its text."""


@dataclass(frozen=True)
class Clip:
    path: Path
    text: str
    language: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """What one peer did in one round."""

    peer: str
    wall_s: float
    cpu_s: float
    peak_mb: float
    latencies_s: list[float]
    texts: list[str]


def ours(model: ModelFiles, in_flight: int) -> Transcribe:
    """Our engine with so many notes in flight."""
    loop = asyncio.new_event_loop()
    decoder = DecoderPool(processes=1, limits=DecoderLimits())
    engine = AdaptiveWhisper.load(model, choose_hardware())
    loop.run_until_complete(engine.warm())

    async def transcribe_all(paths: Sequence[Path]) -> list[tuple[str, float]]:
        places = asyncio.Semaphore(in_flight)

        async def transcribe(path: Path) -> tuple[str, float]:
            async with places:
                started = time.perf_counter()
                audio = await decoder.decode(await asyncio.to_thread(path.read_bytes))
                result = await engine.transcribe(audio.samples, TranscribeOptions())
                return result.text, time.perf_counter() - started

        return await asyncio.gather(*(transcribe(path) for path in paths))

    return lambda paths: loop.run_until_complete(transcribe_all(paths))


def faster_whisper(model: ModelFiles, **load: Any) -> Transcribe:
    """faster-whisper as its documentation shows it: one file after another, five beams."""
    whisper = WhisperModel(str(model.path), device="cpu", **load)

    def transcribe(path: Path) -> tuple[str, float]:
        started = time.perf_counter()
        segments, _ = whisper.transcribe(str(path))
        text = " ".join(segment.text.strip() for segment in segments)
        return text, time.perf_counter() - started

    return lambda paths: [transcribe(path) for path in paths]


PEERS: dict[str, Callable[[ModelFiles], Transcribe]] = {
    "ours-8": partial(ours, in_flight=8),
    "ours-1": partial(ours, in_flight=1),
    "fw-default": faster_whisper,
    "fw-int8": partial(faster_whisper, compute_type="int8"),
}


def serve(name: str, model: ModelFiles, connection: Connection) -> None:
    """A peer's process: transcribe whatever list of files comes in."""
    transcribe = PEERS[name](model)
    while paths := connection.recv():
        before, started = _cpu_s(), time.perf_counter()
        results = transcribe(paths)
        wall_s = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        texts, latencies = [text for text, _ in results], [seconds for _, seconds in results]
        connection.send(Run(name, wall_s, _cpu_s() - before, peak_mb, latencies, texts))


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def take_turns(peers: Sequence[str], clips: Sequence[Clip], model: ModelFiles, rounds: int) -> list[Run]:
    """Run every peer once in every round."""
    spawn = multiprocessing.get_context("spawn")
    connections: dict[str, Any] = {}
    for name in peers:
        connections[name], child = spawn.Pipe()
        spawn.Process(target=serve, args=(name, model, child), daemon=True).start()
        connections[name].send([clips[0].path])
        connections[name].recv()
    runs: list[Run] = []
    for number in range(rounds):
        for name in peers:
            connections[name].send([clip.path for clip in clips])
            runs.append(connections[name].recv())
            print(f"round {number + 1}: {name} {runs[-1].wall_s:.1f} s", file=sys.stderr)
    for connection in connections.values():
        connection.send([])
    return runs


def load_clips(folder: Path, longest_s: float) -> list[Clip]:
    found: Any = json.loads((folder / "manifest.json").read_text())
    entries: list[dict[str, Any]] = found if folder != TEST_CLIPS else found["speech"]
    clips = [
        Clip(folder / entry["file"], entry["text"], entry["language"], entry["seconds"]) for entry in entries
    ]
    return [clip for clip in clips if clip.seconds <= longest_s]


def error_rate(clips: Iterable[Clip], texts: Iterable[str], *, english: bool) -> float:
    """Share of wrong words (characters for Japanese and Chinese), in per cent."""
    said: list[str] = []
    heard: list[str] = []
    for clip, text in zip(clips, texts, strict=True):
        if (clip.language == "en") is english:
            normalise = (
                EnglishTextNormalizer()
                if english
                else BasicTextNormalizer(split_letters=clip.language in BY_CHARACTER)
            )
            said.append(normalise(clip.text))
            heard.append(normalise(text))
    return 100 * jiwer.wer(said, heard) if said else 0.0


def figures(name: str, runs: Sequence[Run], clips: Sequence[Clip]) -> dict[str, float | str]:
    mine = [run for run in runs if run.peer == name]
    latencies = sorted(latency for run in mine for latency in run.latencies_s)
    row: dict[str, float | str] = {
        "peer": name,
        "wall_s": round(statistics.median(run.wall_s for run in mine), 2),
        "cpu_s": round(statistics.median(run.cpu_s for run in mine), 2),
        "latency_p50_s": round(statistics.median(latencies), 3),
        "latency_p95_s": round(latencies[int(0.95 * (len(latencies) - 1))], 3),
        "wer_english": round(error_rate(clips, mine[-1].texts, english=True), 2),
        "wer_others": round(error_rate(clips, mine[-1].texts, english=False), 2),
        "peak_mb": round(max(run.peak_mb for run in mine)),
    }
    for baseline in BASELINES:
        theirs = [run for run in runs if run.peer == baseline]
        if theirs:
            ratios = [other.wall_s / run.wall_s for run, other in zip(mine, theirs, strict=True)]
            row[f"x_{baseline}"] = round(statistics.median(ratios), 2)
    return row


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--clips", type=Path, default=SHARED_CLIPS if SHARED_CLIPS.is_dir() else TEST_CLIPS)
    options.add_argument("--longest", type=float, default=20.0, help="seconds")
    options.add_argument("--most", type=int, help="take only so many clips")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peers", default=",".join(PEERS))
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    clips = load_clips(chosen.clips, chosen.longest)[: chosen.most]
    names = chosen.peers.split(",")
    with tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder:
        runs = take_turns(names, clips, resolve_model("base", data_dir=Path(folder)), chosen.rounds)
    rows = [figures(name, runs, clips) for name in names]
    if chosen.json:
        print(
            json.dumps({"clips": len(clips), "rows": rows, "runs": [asdict(run) for run in runs]}, indent=1)
        )
        return
    seconds = sum(clip.seconds for clip in clips)
    print(f"{len(clips)} clips, {seconds:.0f} s of speech, {chosen.rounds} rounds, medians\n")
    print("  ".join(f"{name:>13}" for name in rows[0]))
    for row in rows:
        print("  ".join(f"{value:>13}" for value in row.values()))


if __name__ == "__main__":
    main()
