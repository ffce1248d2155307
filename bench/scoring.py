"""How many words an engine got wrong."""

import re
from collections.abc import Iterable
from functools import cache

import jiwer
from num2words import num2words
from opencc import OpenCC
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from bench.clips import Clip

BY_CHARACTER = {"ja", "zh"}


def error_rate(clips: Iterable[Clip], texts: Iterable[str], *, english: bool) -> float | None:
    """Share of wrong words in the English clips, or in all others, in per cent; None without such clips.

    Case, punctuation and (but in Japanese and Chinese) the spelling of numbers don't count. In those two a
    character is a word, and traditional Chinese characters are as good as simplified ones.
    """
    chosen = [
        (clip, text) for clip, text in zip(clips, texts, strict=True) if (clip.language == "en") is english
    ]
    said = [normalised(clip.text, clip.language) for clip, _ in chosen]
    heard = [normalised(text, clip.language) for clip, text in chosen]
    return 100 * jiwer.wer(said, heard) if said else None


def normalised(text: str, language: str) -> str:
    """The words that count, with spaces between them."""
    if language == "en":
        return _english()(text)
    if language == "zh":
        text = _simplified().convert(text)
    if language not in BY_CHARACTER:
        text = re.sub(r"\d+", lambda number: num2words(int(number[0]), lang=language), text)
    return BasicTextNormalizer(split_letters=language in BY_CHARACTER)(text)


@cache
def _english() -> EnglishTextNormalizer:
    return EnglishTextNormalizer()


@cache
def _simplified() -> OpenCC:
    return OpenCC("t2s")
