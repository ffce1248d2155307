"""The full set of clips, where it is at hand: all formats, all hostile files, and the rate of wrong words."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import jiwer
import pytest
from support.decoders import decoder_processes
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from vocafuse_server.audio.containers import SNIFF_BYTES, sniff
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.errors import AudioTooLong, UnsupportedAudio
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import TranscribeOptions
from vocafuse_server.transcription.languages import has_spaces

pytestmark = pytest.mark.model

MAX_DECODER_BYTES = 512 << 20
MAX_SECONDS = 20.0


def manifest(folder: Path, name: str) -> Any:  # JSON of three different shapes
    return json.loads((folder / name / "manifest.json").read_text())


def wer(reference: str, text: str) -> float:
    normalize = EnglishTextNormalizer()
    return jiwer.wer(normalize(reference), normalize(text))


async def test_every_format_gives_the_same_words(
    engine: AdaptiveWhisper, pool: DecoderPool, more_audio: Path
) -> None:
    formats = manifest(more_audio, "formats")
    tolerance_s = formats["tolerance_seconds"]
    wrong: list[str] = []
    for entry in formats["files"]:
        audio = await pool.decode((more_audio / "formats" / entry["file"]).read_bytes())
        result = await engine.transcribe(audio.samples, TranscribeOptions())
        same_length = abs(audio.duration_s - entry["duration"]) <= tolerance_s
        source = (audio.sample_rate, audio.channels) == (entry["sample_rate"], entry["channels"])
        if not (
            same_length and source and result.language == "en" and wer(formats["text"], result.text) <= 0.25
        ):
            wrong.append(f"{entry['file']}: {audio.duration_s:.2f} s, {result.text!r}")
    assert wrong == []


async def test_every_hostile_file_ends_as_it_should(
    engine: AdaptiveWhisper, pool: DecoderPool, more_audio: Path
) -> None:
    wrong: list[str] = []
    callers: list[asyncio.StreamWriter] = []
    # Some of the files name this address.
    server = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 18999)
    for entry in manifest(more_audio, "hostile"):
        start = time.monotonic()
        outcome = await outcome_of((more_audio / "hostile" / entry["file"]).read_bytes(), engine, pool)
        allowed = {
            "reject": {"refused"},
            "fail": {"refused"},
            "ok-or-fail": {"refused", "too long", "text", "empty"},
            "empty-transcript": {"empty"},
        }[entry["expect"]]
        if outcome not in allowed or time.monotonic() - start > MAX_SECONDS:
            wrong.append(f"{entry['file']}: {outcome}")
    server.close()
    await server.wait_closed()
    assert wrong == []
    assert callers == []
    sizes = [process.memory_info().rss for process in decoder_processes()]
    assert 0 < max(sizes) < MAX_DECODER_BYTES


async def outcome_of(data: bytes, engine: AdaptiveWhisper, pool: DecoderPool) -> str:
    try:
        audio = await pool.decode(data)
    except UnsupportedAudio:
        return "refused"
    except AudioTooLong:
        return "too long"
    result = await engine.transcribe(audio.samples, TranscribeOptions())
    return "text" if result.text else "empty"


def test_what_is_no_media_is_refused_by_its_first_bytes(more_audio: Path) -> None:
    passed = [
        entry["file"]
        for entry in manifest(more_audio, "hostile")
        if entry["expect"] == "reject"
        and sniff((more_audio / "hostile" / entry["file"]).read_bytes()[:SNIFF_BYTES]) is not None
    ]
    assert passed == []


async def test_the_rate_of_wrong_words_in_other_languages(
    engine: AdaptiveWhisper, pool: DecoderPool, more_audio: Path
) -> None:
    """In those with spaces between words; read as English is, one in five is wrong."""
    normalize = BasicTextNormalizer()
    references: list[str] = []
    texts: list[str] = []
    for entry in manifest(more_audio, "speech"):
        if entry["language"] != "en" and has_spaces(entry["language"]) and entry["seconds"] <= 20:
            audio = await pool.decode((more_audio / "speech" / entry["file"]).read_bytes())
            result = await engine.transcribe(audio.samples, TranscribeOptions())
            assert result.language == entry["language"]
            references.append(normalize(entry["text"]))
            texts.append(normalize(result.text))
    assert len(references) > 8
    assert jiwer.wer(references, texts) < 0.19


async def test_the_rate_of_wrong_words_on_short_english_notes(
    engine: AdaptiveWhisper, pool: DecoderPool, more_audio: Path
) -> None:
    normalize = EnglishTextNormalizer()
    references: list[str] = []
    texts: list[str] = []
    second_passes = 0
    for entry in manifest(more_audio, "speech"):
        if entry["language"] == "en" and entry["seconds"] <= 20:
            audio = await pool.decode((more_audio / "speech" / entry["file"]).read_bytes())
            result = await engine.transcribe(audio.samples, TranscribeOptions())
            references.append(normalize(entry["text"]))
            texts.append(normalize(result.text))
            second_passes += result.second_passes
    assert len(references) > 40
    assert jiwer.wer(references, texts) < 0.10
    assert second_passes <= 1
