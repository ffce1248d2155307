"""The clips in `tests/audio` and what is said in them."""

import io
import json
import wave
from collections.abc import Iterable
from pathlib import Path

import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

AUDIO = Path(__file__).parents[1] / "audio"


def english_clips() -> dict[str, str]:
    """The exact words of each English clip, by file name."""
    entries: list[dict[str, str]] = json.loads((AUDIO / "manifest.json").read_text())["speech"]
    return {entry["file"]: entry["text"] for entry in entries if entry["language"] == "en"}


def joined(names: Iterable[str]) -> bytes:
    """Clips one after another, as one WAV file. They are WAV files of one kind."""
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        for number, name in enumerate(names):
            with wave.open(str(AUDIO / name)) as clip:
                if number == 0:
                    target.setparams(clip.getparams())
                target.writeframes(clip.readframes(clip.getnframes()))
    return out.getvalue()


def word_error_rate(said: list[str], heard: list[str]) -> float:
    """Share of wrong words over all clips, after normalising case, punctuation and numbers."""
    normalise = EnglishTextNormalizer()
    return jiwer.wer([normalise(text) for text in said], [normalise(text) for text in heard])
