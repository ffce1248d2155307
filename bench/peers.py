"""Who takes part: our engine, faster-whisper in four settings, and whisper.cpp, all with the same weights."""

import asyncio
import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio
from faster_whisper.transcribe import Segment

from bench.ggml import ggml_weights
from bench.rounds import WORK, Heard, OpenPeer, Peer, Transcribe
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import TranscribeOptions
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import ModelFiles, resolve_model

INT8 = "int8"
_FAST = {"cpu": INT8, "cuda": "float16"}


def base_model() -> ModelFiles:
    """The weights that all peers share, put together at the first call."""
    return resolve_model("base", data_dir=WORK)


def short_note_peers(model: ModelFiles) -> dict[str, OpenPeer]:
    """Everybody who can be compared on short notes on a processor, by name."""
    return {
        "ours-8": partial(ours, model, in_flight=8),
        "ours-1": partial(ours, model, in_flight=1),
        "fw-default": partial(fw_sequential, model),
        "fw-int8": partial(fw_sequential, model, compute_type=INT8),
        "fw-tuned": partial(fw_tuned, model),
        "fw-batched": partial(fw_batched, model),
        "whisper.cpp": partial(whisper_cpp, model),
    }


def gpu_peers(model: ModelFiles) -> dict[str, OpenPeer]:
    """Who can be compared on short notes on a GPU, by name; all with weights of 16 bits."""
    return {
        "ours-64": partial(ours, model, in_flight=64, device="cuda", decoders=4),
        "ours-8": partial(ours, model, in_flight=8, device="cuda", decoders=4),
        "ours-1": partial(ours, model, in_flight=1, device="cuda"),
        "fw-default": partial(fw_sequential, model, device="cuda"),
        "fw-tuned": partial(fw_tuned, model, device="cuda"),
        "fw-batched": partial(fw_batched, model, device="cuda"),
    }


@contextmanager
def ours(model: ModelFiles, *, in_flight: int, device: str = "cpu", decoders: int = 1) -> Generator[Peer]:
    """Our engine with so many notes in flight, decoding in limited processes as on a server."""
    with asyncio.Runner() as runner:
        decoder = DecoderPool(processes=decoders, limits=DecoderLimits())
        engine = AdaptiveWhisper.load(model, choose_hardware(device=device))

        async def transcribe_all(paths: Sequence[Path]) -> list[Heard]:
            places = asyncio.Semaphore(in_flight)

            async def transcribe(path: Path) -> Heard:
                async with places:
                    started = time.perf_counter()
                    audio = await decoder.decode(await asyncio.to_thread(path.read_bytes))
                    result = await engine.transcribe(audio.samples, TranscribeOptions())
                    return Heard(result.text, time.perf_counter() - started)

            return await asyncio.gather(*(transcribe(path) for path in paths))

        runner.run(engine.warm())
        yield Peer(lambda paths: runner.run(transcribe_all(paths)))
        runner.run(decoder.close())
        runner.run(engine.close())


@contextmanager
def fw_sequential(
    model: ModelFiles, *, device: str = "cpu", compute_type: str = "default"
) -> Generator[Peer]:
    """faster-whisper as its documentation shows it: one file after another, five beams."""
    whisper = WhisperModel(str(model.path), device=device, compute_type=compute_type)
    yield Peer(one_by_one(lambda path: spoken(whisper.transcribe(str(path))[0])))


@contextmanager
def fw_tuned(model: ModelFiles, *, device: str = "cpu") -> Generator[Peer]:
    """faster-whisper with the settings that make it fast: greedy, without timestamps."""
    whisper = WhisperModel(str(model.path), device=device, compute_type=_FAST[device])

    def transcribe(path: Path) -> str:
        segments, _ = whisper.transcribe(
            str(path), beam_size=1, without_timestamps=True, condition_on_previous_text=False
        )
        return spoken(segments)

    yield Peer(one_by_one(transcribe))


@contextmanager
def fw_batched(model: ModelFiles, *, device: str = "cpu", batch_size: int = 8) -> Generator[Peer]:
    """faster-whisper's batched pipeline, which batches the pieces of one file."""
    pipeline = BatchedInferencePipeline(
        WhisperModel(str(model.path), device=device, compute_type=_FAST[device])
    )
    yield Peer(one_by_one(lambda path: spoken(pipeline.transcribe(str(path), batch_size=batch_size)[0])))


@contextmanager
def whisper_cpp(model: ModelFiles) -> Generator[Peer]:
    """whisper.cpp with its defaults: 16-bit weights, the language detected."""
    # Here, because its library is only for this peer and counts in the memory of whoever loads it.
    from pywhispercpp.model import Model

    weights = ggml_weights(model.path, WORK / "ggml-base.bin")
    with without_stderr():
        # Nothing said is not "auto" here but English, into which other languages are then translated.
        whisper = Model(str(weights), print_progress=False, language="auto")

    def transcribe(path: Path) -> str:
        audio = decode_audio(str(path))
        with without_stderr():
            return " ".join(segment.text for segment in whisper.transcribe(audio))

    yield Peer(one_by_one(transcribe))


def spoken(segments: Iterable[Segment]) -> str:
    """The text of faster-whisper's segments, which it makes while they are asked for."""
    return " ".join(segment.text.strip() for segment in segments)


@contextmanager
def without_stderr() -> Generator[None]:
    """Drop what a C library writes there about each file."""
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def one_by_one(transcribe: Callable[[Path], str]) -> Transcribe:
    """Files in sequence, each timed by itself."""

    def timed(path: Path) -> Heard:
        started = time.perf_counter()
        return Heard(transcribe(path), time.perf_counter() - started)

    return lambda paths: [timed(path) for path in paths]
