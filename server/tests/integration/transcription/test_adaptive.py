"""The whole engine on real speech."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import jiwer
import numpy as np
import pytest
from threadpoolctl import threadpool_info
from whisper_normalizer.basic import BasicTextNormalizer

from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import (
    Samples,
    TranscribeOptions,
    Transcription,
    TranscriptionError,
    UnknownLanguage,
)
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.weights import ModelFiles

pytestmark = pytest.mark.model

Decode = Callable[[str], Awaitable[Samples]]
CLIP_NAMES = [
    "LJ001-0002.wav",
    "367-130732-0001.flac",
    "harvard-birch-canoe.wav",
    "arctic_a0009.wav",
    "whats-the-weather-like.wav",
    "fr-mer-jaune.wav",
    "de-werbung.wav",
    "zh-xiwang.wav",
]
LOBSTER = "367-130732-0001.flac"


def check_order(transcription: Transcription) -> None:
    """Words and segments are in order, within the note, and carry the same text."""
    for stretches in (transcription.words, transcription.segments):
        points = [point for stretch in stretches for point in (stretch.start_s, stretch.end_s)]
        assert points == sorted(points)
        assert points[-1] <= transcription.duration_s + 0.001
        assert points[0] >= 0
    joined = "".join(word.text for word in transcription.words)
    assert joined.replace(" ", "") == transcription.text.replace(" ", "")


@pytest.mark.parametrize("name", CLIP_NAMES)
async def test_short_notes(
    engine: AdaptiveWhisper, decode: Decode, speech_clips: dict[str, dict[str, str]], name: str
) -> None:
    expected = speech_clips[name]
    result = await engine.transcribe(await decode(name), TranscribeOptions())
    assert result.language == expected["language"]
    normalize = BasicTextNormalizer(split_letters=expected["language"] == "zh")
    # `base` mishears a word or two of the French and the Chinese clip.
    assert jiwer.wer(normalize(expected["text"]), normalize(result.text)) < 0.25
    assert 0.5 < result.confidence <= 1.0
    assert result.language_probability > 0.5
    check_order(result)


async def test_the_stages_are_timed(engine: AdaptiveWhisper, decode: Decode) -> None:
    result = await engine.transcribe(await decode(LOBSTER), TranscribeOptions())
    times = result.times
    assert min(times.vad_s, times.features_s, times.encode_s, times.generate_s, times.align_s) > 0
    assert (result.provider, result.model, result.second_passes) == ("local", "whisper-base", 0)


async def test_no_helper_threads_spin_beside_the_workers(engine: AdaptiveWhisper, decode: Decode) -> None:
    await engine.transcribe(await decode(LOBSTER), TranscribeOptions())
    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


async def test_words_are_where_they_are_spoken(engine: AdaptiveWhisper, decode: Decode) -> None:
    audio = await decode(LOBSTER)
    silence = np.zeros(2 * 16_000, dtype=np.float32)
    plain = await engine.transcribe(audio, TranscribeOptions(language="en"))
    late = await engine.transcribe(np.concatenate((silence, audio)), TranscribeOptions(language="en"))
    assert late.text.rstrip(".?") == plain.text.rstrip(".?")
    for before, after in zip(plain.words, late.words, strict=True):
        assert after.start_s - before.start_s == pytest.approx(2.0, abs=0.5)
        assert after.end_s - before.end_s == pytest.approx(2.0, abs=0.5)


async def test_a_given_language_is_not_detected(engine: AdaptiveWhisper, decode: Decode) -> None:
    result = await engine.transcribe(await decode(LOBSTER), TranscribeOptions(language="English"))
    assert (result.language, result.language_probability) == ("en", 1.0)
    assert "lobster" in result.text


@pytest.mark.parametrize("language", ["yue", "tlh"])
async def test_a_language_the_model_lacks_is_refused(
    engine: AdaptiveWhisper, decode: Decode, language: str
) -> None:
    with pytest.raises(UnknownLanguage):
        await engine.transcribe(await decode(LOBSTER), TranscribeOptions(language=language))


async def test_without_words(engine: AdaptiveWhisper, decode: Decode) -> None:
    result = await engine.transcribe(await decode(LOBSTER), TranscribeOptions(words=False))
    assert result.words == ()
    assert result.times.align_s == 0
    assert "crayfish" in result.segments[-1].text
    assert 0.5 < result.confidence <= 1.0


@pytest.mark.parametrize("samples", [0, 1, 800, 16_000])
async def test_next_to_nothing_is_empty(engine: AdaptiveWhisper, samples: int) -> None:
    result = await engine.transcribe(np.zeros(samples, dtype=np.float32), TranscribeOptions())
    assert (result.text, result.segments, result.words, result.confidence) == ("", (), (), 0.0)
    assert (result.language, result.language_probability) == (None, 0.0)


async def test_silence_keeps_the_given_language(engine: AdaptiveWhisper, decode: Decode) -> None:
    result = await engine.transcribe(await decode("silence-10s.wav"), TranscribeOptions(language="de"))
    assert (result.text, result.language) == ("", "de")
    assert result.duration_s == 10.0


async def test_many_notes_in_flight_get_their_own_text(engine: AdaptiveWhisper, decode: Decode) -> None:
    names = [LOBSTER, "harvard-birch-canoe.wav", "whats-the-weather-like.wav"] * 3
    audios = [await decode(name) for name in names]
    results = await asyncio.gather(*(engine.transcribe(audio, TranscribeOptions()) for audio in audios))
    words = {LOBSTER: "lobster", "harvard-birch-canoe.wav": "canoe", "whats-the-weather-like.wav": "weather"}
    for name, result in zip(names, results, strict=True):
        assert words[name] in result.text


async def test_a_transcript_does_not_depend_on_who_shares_the_batch(
    engine: AdaptiveWhisper, decode: Decode
) -> None:
    names = [LOBSTER, "harvard-birch-canoe.wav", "arctic_a0009.wav", "whats-the-weather-like.wav"]
    names += ["LJ001-0002.wav", "de-werbung.wav", "fr-mer-jaune.wav", "zh-xiwang.wav", "wav-16k.wav"]
    audios = [await decode(name) for name in names]
    alone = [await engine.transcribe(audio, TranscribeOptions()) for audio in audios]
    for order in (range(len(names)), reversed(range(len(names)))):
        indices = list(order)
        together = await asyncio.gather(
            *(engine.transcribe(audios[index], TranscribeOptions()) for index in indices)
        )
        for index, result in zip(indices, together, strict=True):
            assert (result.text, result.language) == (alone[index].text, alone[index].language)
            assert [word.text for word in result.words] == [word.text for word in alone[index].words]
            for word, before in zip(result.words, alone[index].words, strict=True):
                assert word.start_s == pytest.approx(before.start_s, abs=0.021)  # one step of the aligner


async def test_a_long_note_is_cut_at_silences(engine: AdaptiveWhisper, decode: Decode) -> None:
    names = [LOBSTER, "harvard-birch-canoe.wav", "arctic_a0009.wav", "whats-the-weather-like.wav"] * 4
    pause = np.zeros(16_000, dtype=np.float32)
    audio = np.concatenate([part for name in names for part in (await decode(name), pause)])
    result = await engine.transcribe(audio, TranscribeOptions())
    assert result.duration_s > 60
    check_order(result)
    for word in ("crayfish", "canoe", "table", "weather"):
        times = [found.start_s for found in result.words if word in found.text]
        assert len(times) == 4
        assert all(
            after - before == pytest.approx(audio.size / 4 / 16_000, abs=0.5)
            for before, after in pairwise(times)
        )


async def test_what_is_really_said_again_and_again_is_kept(engine: AdaptiveWhisper, decode: Decode) -> None:
    audio = await decode("whats-the-weather-like.wav")
    one = await engine.transcribe(audio, TranscribeOptions())
    four = await engine.transcribe(np.tile(audio, 4), TranscribeOptions())
    assert one.text.lower().count("weather") == 1
    assert four.text.lower().count("weather") == 4
    assert four.second_passes == 1  # looked at again, and believed
    check_order(four)


async def test_speech_that_the_model_does_not_hear_at_first(engine: AdaptiveWhisper, decode: Decode) -> None:
    """Three times in a row, the model takes this for nobody speaking unless it has its whole context."""
    audio = np.tile(await decode("whats-the-date-today.wav"), 3)
    result = await engine.transcribe(audio, TranscribeOptions())
    assert "the date today" in result.text
    assert result.second_passes == 1


@pytest.mark.parametrize("gain", [0.1, 0.01, 0.003])
async def test_quiet_speech_is_speech(engine: AdaptiveWhisper, decode: Decode, gain: float) -> None:
    audio = await decode(LOBSTER)
    quiet = np.rint(audio * gain * 32768).astype(np.float32) / np.float32(32768)
    result = await engine.transcribe(quiet, TranscribeOptions())
    assert "lobster" in result.text


async def test_an_english_only_model(english_engine: AdaptiveWhisper, decode: Decode) -> None:
    audio = await decode(LOBSTER)
    result = await english_engine.transcribe(audio, TranscribeOptions())
    assert "lobster" in result.text.lower()
    assert (result.language, result.model) == ("en", "whisper-tiny.en")
    check_order(result)
    with pytest.raises(UnknownLanguage, match="English only"):
        await english_engine.transcribe(audio, TranscribeOptions(language="de"))


async def test_a_closed_engine_says_so(base_files: ModelFiles, decode: Decode) -> None:
    engine = AdaptiveWhisper.load(base_files, Hardware("cpu", "int8", workers=1, threads=1))
    await engine.close()
    with pytest.raises(TranscriptionError):
        await engine.transcribe(await decode(LOBSTER), TranscribeOptions())


def test_hardware_that_is_not_there_is_told(base_files: ModelFiles) -> None:
    with pytest.raises(TranscriptionError, match="can't be loaded"):
        AdaptiveWhisper.load(base_files, Hardware("cpu", "no_such_type", workers=1, threads=1))


@pytest.mark.parametrize(
    ("name", "language", "heard"),
    [
        # Read as English is, these come out as "mer john" and "希老女".
        ("fr-mer-jaune.wav", None, "au bord de la mer jaune"),
        ("fr-mer-jaune.wav", "fr", "au bord de la mer jaune"),
        ("zh-xiwang.wav", None, "希望你"),
    ],
)
async def test_what_is_not_english_is_read_carefully(
    engine: AdaptiveWhisper, decode: Decode, name: str, language: str | None, heard: str
) -> None:
    result = await engine.transcribe(await decode(name), TranscribeOptions(language))
    assert heard in result.text
    assert result.language == name[:2]
    assert result.words
    assert result.second_passes == 0
    check_order(result)


@pytest.mark.parametrize("seconds", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("name", ["de-werbung.wav", "fr-mer-jaune.wav", "zh-xiwang.wav"])
async def test_a_note_that_was_cut_off_is_heard_in_its_language(
    engine: AdaptiveWhisper,
    decode: Decode,
    speech_clips: dict[str, dict[str, str]],
    name: str,
    seconds: float,
) -> None:
    beginning = (await decode(name))[: round(seconds * 16_000)]
    result = await engine.transcribe(beginning, TranscribeOptions())
    assert result.language == speech_clips[name]["language"]
    assert result.text
    check_order(result)
