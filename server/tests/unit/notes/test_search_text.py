"""Queries as Postgres reads them, and hits as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.notes.search_text import Part, find_hits, parts_of, read_query, snippet_of, time_of


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("plain words", "plain words"),
        ('"two words" -not', '"two words" -not'),
        ("划船", ' "划 船" '),
        ("go 划船-now", 'go  "划 船" -now'),
        ("-划船", ' -"划 船" '),
        ('"a 划船"', '"a  划 船 "'),
        ('"open', '"open'),
        ("<b>&amp;", " b  amp;"),
    ],
)
def test_letters_without_spaces_between_words_become_phrases(words: str, asked: str) -> None:
    assert read_query(words).text == asked


@pytest.mark.parametrize(
    ("words", "asked", "beginnings"),
    [
        ("say hel*", "say  {} ", ["hel"]),
        ("-hel* Über*", " -{}   {} ", ["hel", "Über"]),
        ('"say hel*', '"say  {} ', ["hel"]),
        ("e-mai*", "e- {} ", ["mai"]),
        ("he* hel*lo *", "he  hel*lo *", []),
        ("-划船*", ' -"划 船"  ', []),
    ],
)
def test_a_word_with_an_asterisk_is_the_beginning_of_one(
    words: str, asked: str, beginnings: list[str]
) -> None:
    read = read_query(words)
    assert read.text == asked.format(*read.beginnings)
    assert list(read.beginnings.values()) == beginnings


def test_marks_become_places_in_the_text_as_it_was_said() -> None:
    text, hits = find_hits(
        "a \x1cb\x1d \x02birch\x03 \x1e\x1f划\x1f\x1f\x02船\x03\x1f\x1f划\x1f", "birch 划船"
    )
    assert text == "a <b> birch &划船划"
    assert [text[start:end] for start, end in hits] == ["birch", "划船"]


def test_hits_that_touch_are_one() -> None:
    text, hits = find_hits("\x02a\x03\x02b\x03 c", "a b")
    assert parts_of(text, hits) == [Part("ab", hit=True), Part(" c", hit=False)]


@given(st.text("ab 划", max_size=400), st.integers(0, 399))
def test_a_snippet_is_short_and_of_the_text(text: str, at: int) -> None:
    if at >= len(text):
        return
    parts = snippet_of(text, [(at, at + 1)])
    shown = "".join(part.text for part in parts)
    assert shown.strip("…") in text
    assert len(shown) <= 202
    assert [part.text for part in parts if part.hit] == [text[at]]


def test_the_time_of_a_hit_is_that_of_its_word_else_of_its_segment() -> None:
    words = [
        {"word": word, "start_time": start_s}
        for word, start_s in [("No,", 0.5), ("no", 1.0), ("lost", 1.2), ("no", 2.0)]
    ]
    segments = [{"text": "No, no.", "start": 0.4}, {"text": "And no!", "start": 1.9}]
    text = "No, no. And no!"
    assert [time_of(text, at, words=words, segments=segments) for at in (0, 4, 12)] == [0.5, 1.0, 2.0]
    assert time_of(text, 12, words=[], segments=segments) == 1.9
    assert time_of(text, 12, words=[], segments=[]) is None
