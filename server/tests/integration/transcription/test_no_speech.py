"""Where nobody speaks nothing is written: in whole notes, and at the edges of speech."""

from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples, TranscribeOptions
from vocafuse_server.transcription.vad import find_windows

pytestmark = pytest.mark.model

Decode = Callable[[str], Awaitable[Samples]]
MUSIC_AND_ANIMALS = [
    "celesta.ogg",
    "humpback-whale.ogg",
    "jazz-vibraphone.ogg",
    "robin.ogg",
    "string-orchestra.ogg",
]
SPEECH = ["367-130732-0001.flac", "harvard-birch-canoe.wav", "arctic_a0009.wav", "de-werbung.wav"]
AROUND_S = 8.0


def random() -> np.random.Generator:
    return np.random.default_rng(7)


def times(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


def white_noise(seconds: float) -> Samples:
    return (0.05 * random().standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def room_noise(seconds: float) -> Samples:
    """Noise that is louder the lower it is, as of a fan, with a mains hum."""
    white = np.fft.rfft(random().standard_normal(round(seconds * SAMPLE_RATE)))
    pink = np.fft.irfft(white / np.sqrt(np.arange(1, len(white) + 1)), round(seconds * SAMPLE_RATE))
    hum = 0.01 * np.sin(2 * np.pi * 50 * times(seconds))
    return (0.03 * pink / pink.std() + hum).astype(np.float32)


def clicks(seconds: float) -> Samples:
    audio = silence(seconds)
    for start in random().integers(0, len(audio) - 400, round(5 * seconds)):
        audio[start : start + 400] += (0.3 * np.exp(-np.arange(400) / 60)).astype(np.float32)
    return audio


def tune(seconds: float) -> Samples:
    """Chords of a few harmonics, a melody above them, and a drum."""
    now, audio = times(seconds), np.zeros(round(seconds * SAMPLE_RATE))
    for beat in range(round(2 * seconds)):
        age = np.clip(now - beat / 2, 0, None)
        fading = (now >= beat / 2) * np.exp(-4 * age)
        for tone in (220, 277.2, 329.6, 440 * 2 ** ((beat * 5 % 12) / 12)):
            audio += fading * sum(np.sin(2 * np.pi * tone * n * age) / n**2 for n in range(1, 6))
        audio += (now >= beat / 2) * np.exp(-30 * age) * random().standard_normal(len(now))
    return (0.1 * audio / np.abs(audio).std()).astype(np.float32).clip(-1, 1)


MADE = {"silence": silence, "white": white_noise, "room": room_noise, "clicks": clicks, "tune": tune}


@pytest.mark.parametrize("name", MADE)
async def test_made_sounds_are_empty(engine: AdaptiveWhisper, name: str) -> None:
    result = await engine.transcribe(MADE[name](10.0), TranscribeOptions())
    assert (result.text, result.segments, result.words) == ("", (), ())


@pytest.mark.parametrize("name", MUSIC_AND_ANIMALS)
async def test_music_and_animals_are_empty(engine: AdaptiveWhisper, decode: Decode, name: str) -> None:
    result = await engine.transcribe(await decode(name), TranscribeOptions())
    assert (result.text, result.segments, result.words) == ("", (), ())


async def test_some_of_them_pass_the_detector_and_are_stopped_by_the_gate(decode: Decode) -> None:
    passed = [name for name in MUSIC_AND_ANIMALS if find_windows(await decode(name))]
    assert {"celesta.ogg", "jazz-vibraphone.ogg"} <= set(passed)


@pytest.mark.parametrize("name", SPEECH)
@pytest.mark.parametrize("sound", MADE)
async def test_no_phrases_are_invented_at_the_edges_of_speech(
    engine: AdaptiveWhisper, decode: Decode, name: str, sound: str
) -> None:
    audio, around = await decode(name), MADE[sound](AROUND_S)
    plain = (await engine.transcribe(audio, TranscribeOptions())).text.split()
    late = await engine.transcribe(np.concatenate((around, audio, around)), TranscribeOptions())
    assert abs(len(late.text.split()) - len(plain)) <= 1
    assert late.words[0].start_s > AROUND_S - 0.5
    assert late.words[-1].end_s < AROUND_S + len(audio) / SAMPLE_RATE + 0.5


async def test_a_note_that_was_cut_off_keeps_its_words(engine: AdaptiveWhisper, decode: Decode) -> None:
    audio = await decode("367-130732-0001.flac")
    result = await engine.transcribe(audio[: 3 * SAMPLE_RATE], TranscribeOptions())
    assert "When is a lobster not a lobster" in result.text
