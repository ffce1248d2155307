from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.vad import Window, find_windows, join_speech, pad_speech, raised

SECOND = 16_000


def stretches(*seconds: tuple[float, float]) -> list[Window]:
    return [Window(int(start * SECOND), int(end * SECOND)) for start, end in seconds]


def test_nobody_speaks_in_silence_noise_and_tones() -> None:
    random = np.random.default_rng(1)
    tone = np.sin(2 * np.pi * 440 * np.arange(5 * SECOND) / SECOND).astype(np.float32)
    noise = (0.1 * random.standard_normal(5 * SECOND)).astype(np.float32)
    for audio in (np.zeros(5 * SECOND, dtype=np.float32), noise, 0.3 * tone):
        assert find_windows(audio) == []


def test_quiet_audio_is_raised_to_the_level_of_speech_and_no_further() -> None:
    speech = np.sin(np.arange(SECOND) / 10).astype(np.float32)
    assert np.abs(raised(np.float32(0.01) * speech)).max() == pytest.approx(0.15 * 2**0.5, rel=0.01)
    assert np.abs(raised(np.float32(1e-5) * speech)).max() <= 1.001e-3
    assert raised(speech) is speech
    assert not raised(np.zeros(SECOND, dtype=np.float32)).any()


def test_next_to_no_audio_is_no_speech() -> None:
    for samples in (0, 1, 500):
        assert find_windows(np.zeros(samples, dtype=np.float32)) == []


def test_the_silence_around_the_speech_of_a_window_is_known() -> None:
    assert Window(SECOND, 9 * SECOND, silence_before=SECOND, silence_after=2 * SECOND).speech_s == (1.0, 6.0)
    assert Window(SECOND, 9 * SECOND).speech_s == (0.0, 8.0)


def test_neighbours_are_joined_up_to_the_limit() -> None:
    speech = stretches((1, 6), (6.5, 12), (12.4, 18), (19, 25))
    assert join_speech(speech, max_s=16.0) == stretches((1, 12), (12.4, 25))


def test_a_long_silence_ends_a_window_that_is_half_full() -> None:
    assert join_speech(stretches((0, 9), (11.5, 14)), max_s=16.0) == stretches((0, 9), (11.5, 14))
    assert join_speech(stretches((0, 5), (7.5, 10)), max_s=16.0) == stretches((0, 10))


def test_no_speech_makes_no_windows() -> None:
    assert join_speech([], max_s=16.0) == []


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 16)), max_size=30))
def test_windows_keep_all_speech_in_order_and_within_the_limit(lengths: list[tuple[float, float]]) -> None:
    speech: list[Window] = []
    end = 0
    for gap_s, length_s in lengths:
        start = end + int(gap_s * SECOND)
        end = start + int(length_s * SECOND)
        speech.append(Window(start, end))
    windows = join_speech(speech, max_s=16.0)
    assert all(window.duration_s <= 16.0 for window in windows)
    assert all(before.end <= after.start for before, after in pairwise(windows))
    assert all(any(w.start <= s.start and s.end <= w.end for w in windows) for s in speech)


def test_stretches_of_speech_share_the_gap_between_them() -> None:
    first, second = pad_speech(stretches((0.25, 2), (2.5, 4)), 10 * SECOND)
    assert (first.start_s, first.duration_s, first.speech_s) == (0.0, 2.25, (0.25, 2.0))
    assert (second.start_s, second.duration_s, second.speech_s) == (2.25, 2.15, (0.25, 1.75))
