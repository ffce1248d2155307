import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.engine import Word
from vocafuse_server.transcription.words import (
    TokenTimes,
    group_words,
    leave_pauses,
    read_alignment,
    time_words,
)


@pytest.mark.parametrize(
    ("pieces", "spaces", "words"),
    [
        ([" Hello", ",", " wor", "ld", "."], True, ["Hello,", "world."]),
        ([" don", "'t", " stop"], True, ["don't", "stop"]),
        ([' "', "Yes", '"', " he", " said"], True, ['"Yes"', "he", "said"]),
        ([" well", " -", " no"], True, ["well -", "no"]),
        ([" twenty", "-", "one"], True, ["twenty-one"]),
        (["...", " so"], True, ["... so"]),
        (["希", "望", "你", "。"], False, ["希", "望", "你。"]),
        (["我", "用", "i", "Phone", "15", "吗", "。"], False, ["我", "用", "iPhone15", "吗。"]),
        ([], True, []),
    ],
)
def test_pieces_become_words(pieces: list[str], spaces: bool, words: list[str]) -> None:
    grouped = group_words([(piece, 1) for piece in pieces], spaces=spaces)
    assert [text for text, _ in grouped] == words
    assert sum(tokens for _, tokens in grouped) == len(pieces)


def test_a_token_begins_a_little_after_the_path_meets_it() -> None:
    path = [(0, 0), (0, 1), (0, 5), (1, 6), (1, 7), (2, 8), (2, 30)]
    times = read_alignment(path, [0.9, 0.8], tokens=2)
    assert times.starts_s == pytest.approx([0.0, 0.17, 0.21])
    assert times.probabilities == [0.9, 0.8]


def test_a_path_that_skips_or_lacks_tokens_is_completed() -> None:
    assert read_alignment([(0, 0), (2, 4)], [0.5, 0.5, 0.5], tokens=3).starts_s == pytest.approx(
        [0.0, 0.13, 0.13, 0.15]
    )
    assert len(read_alignment([], [], tokens=2).starts_s) == 3


def test_words_get_the_times_and_the_mean_probability_of_their_tokens() -> None:
    times = TokenTimes([0.0, 0.5, 0.7, 1.2], [1.0, 0.5, 0.9])
    words = time_words([("hello", 2), ("you", 1)], times, bounds=[(0.0, 2.0)] * 3)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [
        ("hello", 0.0, 0.7),
        ("you", 0.7, 1.2),
    ]
    assert words[0].probability == 0.75


def test_words_stay_in_their_segment() -> None:
    times = TokenTimes([0.0, 3.0, 4.0], [1.0, 1.0])
    words = time_words([("end.", 1), ("Next", 1)], times, bounds=[(0.0, 1.0), (2.5, 3.5)])
    assert [(word.start_s, word.end_s) for word in words] == [(0.0, 1.0), (3.0, 3.5)]


@given(st.lists(st.floats(0, 40), min_size=2, max_size=20), st.floats(0.1, 30))
def test_words_are_in_order_and_within_the_note_whatever_the_alignment(
    starts_s: list[float], duration_s: float
) -> None:
    tokens = len(starts_s) - 1
    times = TokenTimes(starts_s, [0.5] * tokens)
    words = time_words([("word", 1)] * tokens, times, bounds=[(0.0, duration_s)] * tokens)
    points = [point for word in words for point in (word.start_s, word.end_s)]
    assert points == sorted(points)
    assert points[-1] <= duration_s + 0.0005  # times are rounded to the millisecond


def spans(words: tuple[Word, ...]) -> list[tuple[float, float]]:
    return [(word.start_s, word.end_s) for word in words]


def test_words_keep_out_of_pauses() -> None:
    words = [
        Word("x", start, end, 1.0)
        for start, end in [(0, 1.4), (1.4, 2.5), (2.5, 3.2), (3.2, 3.4), (3.4, 4.1)]
    ]
    assert spans(leave_pauses(words, [(1.0, 2.0), (3.0, 4.0)])) == [
        (0, 1.0),
        (2.0, 2.5),
        (2.5, 3.0),
        (4.0, 4.0),
        (4.0, 4.1),
    ]
    assert leave_pauses(words, []) == tuple(words)


@given(
    st.lists(st.integers(0, 1000), min_size=2, max_size=20),
    st.lists(st.integers(0, 1000), max_size=6, unique=True),
)
def test_words_stay_in_order_around_pauses(points: list[int], edges: list[int]) -> None:
    times, borders = [point / 100 for point in sorted(points)], [edge / 100 for edge in sorted(edges)]
    words = [Word("x", start, end, 1.0) for start, end in zip(times[::2], times[1::2], strict=False)]
    pauses = list(zip(borders[::2], borders[1::2], strict=False))
    kept = [time for span in spans(leave_pauses(words, pauses)) for time in span]
    assert kept == sorted(kept)
    assert all(not start < time < end for time in kept for start, end in pauses)
