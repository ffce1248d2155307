"""Long notes: nothing lost or doubled at the seams, and all times where things were said."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from support.clips import english_clips, word_error_rate

from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples, TranscribeOptions, Transcription
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.vad import find_windows
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.whisper import CTranslate2Whisper

pytestmark = pytest.mark.model

Decode = Callable[[str], Awaitable[Samples]]
CLIPS = english_clips()
GAP_S = 0.5
ROUNDS = 7
WITHIN_S = 0.1
TOGETHER = [
    "367-130732-0001.flac",
    "LJ001-0002.wav",
    "de-werbung.wav",
    "fr-mer-jaune.wav",
    "zh-xiwang.wav",
    "wav-16k.wav",
    "whats-the-weather-like.wav",
    "harvard-birch-canoe.wav",
]


async def joined(decode: Decode, names: list[str]) -> tuple[Samples, list[tuple[float, float]]]:
    """Clips one after another with gaps between them, and from when to when each of them lasts."""
    gap = np.zeros(round(GAP_S * SAMPLE_RATE), dtype=np.float32)
    parts, spans, samples = list[Samples](), list[tuple[float, float]](), 0
    for name in names:
        audio = await decode(name)
        spans.append((samples / SAMPLE_RATE, (samples + len(audio)) / SAMPLE_RATE))
        parts += [audio, gap]
        samples += len(audio) + len(gap)
    return np.concatenate(parts), spans


def spoken_between(result: Transcription, span: tuple[float, float]) -> str:
    start_s, end_s = span
    return " ".join(word.text for word in result.words if start_s <= (word.start_s + word.end_s) / 2 < end_s)


async def test_nothing_is_lost_or_doubled_in_minutes_of_known_words(
    engine: AdaptiveWhisper, decode: Decode
) -> None:
    # Never a clip twice in a window: what is said twice there, Whisper may write once.
    names = list(CLIPS) * ROUNDS
    audio, spans = await joined(decode, names)
    result = await engine.transcribe(audio, TranscribeOptions())
    assert result.duration_s > 100
    assert len(find_windows(audio)) > 5
    alone = {name: (await engine.transcribe(await decode(name), TranscribeOptions())).text for name in CLIPS}
    said, by_itself = [CLIPS[name] for name in names], [alone[name] for name in names]
    heard = [spoken_between(result, (start_s - GAP_S / 2, end_s + GAP_S / 2)) for start_s, end_s in spans]
    assert word_error_rate([" ".join(said)], [result.text]) <= word_error_rate(said, by_itself) + 0.02
    # Clip by clip: what is lost or doubled at a seam makes a clip too short or too long.
    lengths = [len(text.split()) - len(one.split()) for text, one in zip(heard, by_itself, strict=True)]
    assert max(map(abs, lengths)) <= 2
    loud = {name: loud_s(await decode(name)) for name in CLIPS}
    off = edges_off(result, spans, [loud[name] for name in names])
    assert np.median(np.abs(off), axis=0) == pytest.approx([0.0, 0.0], abs=WITHIN_S)
    points = [point for word in result.words for point in (word.start_s, word.end_s)]
    assert points == sorted(points)
    assert 0 <= points[0] < points[-1] <= result.duration_s


def edges_off(
    result: Transcription, spans: list[tuple[float, float]], loud: list[tuple[float, float]]
) -> list[tuple[float, float]]:
    """How far the first and the last word of each clip are from where it begins and ends to be loud."""
    off: list[tuple[float, float]] = []
    for (start_s, end_s), (begins_s, ends_s) in zip(spans, loud, strict=True):
        inside = [word for word in result.words if start_s <= (word.start_s + word.end_s) / 2 < end_s]
        off.append((inside[0].start_s - start_s - begins_s, inside[-1].end_s - start_s - ends_s))
    return off


async def test_a_note_begins_with_its_first_word(engine: AdaptiveWhisper, decode: Decode) -> None:
    off: list[float] = []
    for name in CLIPS:
        audio = await decode(name)
        result = await engine.transcribe(audio, TranscribeOptions())
        off.append(abs(result.words[0].start_s - loud_s(audio)[0]))
    assert np.median(off) < WITHIN_S


def loud_s(audio: Samples) -> tuple[float, float]:
    """Between which times a clip comes within 30 dB of its loudest 20 ms."""
    step = SAMPLE_RATE // 50
    power = np.square(audio[: len(audio) // step * step].reshape(-1, step)).mean(axis=1)
    loud = np.flatnonzero(power > power.max() / 1000)
    return float(loud[0]) / 50, float(loud[-1] + 1) / 50


async def test_seven_others_in_flight_change_nothing(engine: AdaptiveWhisper, decode: Decode) -> None:
    audios = [await decode(name) for name in TOGETHER]
    alone = [await engine.transcribe(audio, TranscribeOptions()) for audio in audios]
    together = await asyncio.gather(*(engine.transcribe(audio, TranscribeOptions()) for audio in audios))
    for one, other in zip(alone, together, strict=True):
        assert (one.text, one.segments, one.words) == (other.text, other.segments, other.words)
        assert (one.language, one.language_probability) == (other.language, other.language_probability)


async def test_with_ctranslate2_alone_batches_change_no_text(base_files: ModelFiles, decode: Decode) -> None:
    hardware = Hardware("cpu", "int8", workers=1, threads=1)
    engine = AdaptiveWhisper(CTranslate2Whisper(base_files, hardware), name="base", workers=1)
    audios = [await decode(name) for name in TOGETHER]
    alone = [await engine.transcribe(audio, TranscribeOptions()) for audio in audios]
    together = await asyncio.gather(*(engine.transcribe(audio, TranscribeOptions()) for audio in audios))
    await engine.close()
    assert [one.text for one in alone] == [other.text for other in together]
    for one, other in zip(alone, together, strict=True):
        for word, same in zip(one.words, other.words, strict=True):
            assert word.start_s == pytest.approx(same.start_s, abs=0.021)  # one step of the aligner
