"""What counts as a wrong word."""

from pathlib import Path

import pytest

from bench.clips import Clip
from bench.scoring import error_rate, normalised


def clip(text: str, language: str = "en") -> Clip:
    return Clip(Path("clip.wav"), text, language, 1.0)


@pytest.mark.parametrize(
    ("language", "said", "heard"),
    [
        ("en", "Ten of clubs!", "10 of clubs."),
        ("en", "the colour", "The color"),
        ("de", "Die Werbung vermittelt", "die werbung vermittelt."),
        ("zh", "希望你以后能够做的比我还好", "希望你以後能夠做的比我還好。"),
        ("ja", "真っ昼間なのに", "真っ昼間 なのに。"),
    ],
)
def test_how_it_is_written_does_not_count(language: str, said: str, heard: str) -> None:
    assert error_rate([clip(said, language)], [heard], english=language == "en") == 0


def test_words_count_in_most_languages_and_characters_in_some() -> None:
    assert error_rate([clip("the red fox reads")], ["the red box reads"], english=True) == 25
    assert error_rate([clip("砸自己的脚", "zh")], ["砸自已的脚"], english=False) == 20


def test_english_and_other_clips_are_scored_apart() -> None:
    clips, texts = [clip("yes"), clip("oui", "fr")], ["no", "oui"]
    assert error_rate(clips, texts, english=True) == 100
    assert error_rate(clips, texts, english=False) == 0


def test_without_clips_there_is_no_rate() -> None:
    assert error_rate([clip("yes")], ["yes"], english=False) is None


def test_digits_are_as_good_as_words() -> None:
    assert normalised("Testar 2, 3.", "sv").split() == ["testar", "två", "tre"]
    assert normalised("Es sind 21.", "de").split() == ["es", "sind", "einundzwanzig"]
