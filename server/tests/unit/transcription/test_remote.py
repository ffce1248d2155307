"""What is sent to a transcription server, how long is waited for it, what is made of its answers."""

import io
import json
import math
import random
import wave
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.engine import SAMPLE_RATE, StageTimes, Transcription
from vocafuse_server.transcription.remote import (
    MAX_RETRY_AFTER_S,
    encode_wav,
    parse_retry_after,
    wait_before_retry,
)
from vocafuse_server.transcription.remote_answers import Answer, to_transcription
from vocafuse_server.transcription.vad import Window

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
NOTE_S = 4.0
SPEECH = Window(0, 4 * SAMPLE_RATE, silence_before=SAMPLE_RATE // 2, silence_after=SAMPLE_RATE)
RATHER_SURE = -0.105360515  # log(0.9)
UNSURE = -0.693147181  # log(0.5)


def heard(answer: object, *, language: str | None = None) -> Transcription:
    return to_transcription(
        Answer.model_validate_json(json.dumps(answer)),
        [SPEECH],
        given=language,
        duration_s=NOTE_S,
        model="whisper-1",
        times=StageTimes(),
    )


def two_sentences(**more: object) -> dict[str, object]:
    segments = [
        {"text": " One two.", "start": 0.5, "end": 1.5, "avg_logprob": RATHER_SURE, "no_speech_prob": 0.1},
        {"text": " Three.", "start": 2.0, "end": 3.0, "avg_logprob": UNSURE},
    ]
    return {"text": " One two. Three.", "language": "english", "segments": segments, **more}


def test_samples_of_16_bit_audio_are_sent_as_they_were() -> None:
    pcm = np.array([-32768, -1, 0, 1, 12345, 32767], dtype="<i2")
    with wave.open(io.BytesIO(encode_wav(pcm.astype(np.float32) / np.float32(32768)))) as sent:
        assert (sent.getnchannels(), sent.getsampwidth(), sent.getframerate()) == (1, 2, SAMPLE_RATE)
        assert sent.readframes(100) == pcm.tobytes()


def test_samples_beyond_the_range_are_cut_off() -> None:
    with wave.open(io.BytesIO(encode_wav(np.array([-1.5, 1.0, 7.0], dtype=np.float32)))) as sent:
        assert list(np.frombuffer(sent.readframes(3), dtype="<i2")) == [-32768, 32767, 32767]


def test_waits_double_and_are_spread() -> None:
    rng = random.Random(1)
    for failures, longest in ((1, 0.5), (2, 1.0), (3, 2.0)):
        waits = [wait_before_retry(failures, None, rng=rng) for _ in range(50)]
        assert longest / 2 <= min(waits) < max(waits) <= longest


def test_the_server_says_how_long_to_wait_up_to_a_limit() -> None:
    assert wait_before_retry(1, 7.0, rng=random.Random(1)) == 7.0
    assert wait_before_retry(1, 3600.0, rng=random.Random(1)) == MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("Sat, 14 Mar 2026 12:00:20 GMT", 20.0),
        ("Sat, 14 Mar 2026 12:00:20 -0000", 20.0),
        ("Sat, 14 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Sat, 14 Mar 99999999999999999999 12:00:20 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, wait_s: float | None) -> None:
    assert parse_retry_after(header, NOON) == wait_s


def test_words_are_as_probable_as_the_tokens_of_their_segment() -> None:
    words = [
        {"word": "One", "start": 0.5, "end": 0.9},
        {"word": "two", "start": 1.0, "end": 1.5},
        {"word": "Three", "start": 2.0, "end": 3.0},
    ]
    found = heard(two_sentences(words=words))
    assert (found.text, found.language, found.language_probability) == ("One two. Three.", "en", 1.0)
    assert [(s.text, s.start_s, s.end_s) for s in found.segments] == [
        ("One two.", 0.5, 1.5),
        ("Three.", 2.0, 3.0),
    ]
    assert [(s.avg_logprob, s.no_speech_prob) for s in found.segments] == [(RATHER_SURE, 0.1), (UNSURE, None)]
    assert [word.text for word in found.words] == ["One", "two", "Three"]
    assert [round(word.probability, 4) for word in found.words] == [0.9, 0.9, 0.5]
    assert found.confidence == pytest.approx((0.9 + 0.9 + 0.5) / 3)


def test_a_word_s_own_probability_counts() -> None:
    words = [
        {"word": " One", "start": 0.5, "end": 0.9, "probability": 0.25},
        {"word": " two", "start": 0.9, "end": 1.5, "probability": 1.75},
    ]
    assert [word.probability for word in heard(two_sentences(words=words)).words] == [0.25, 1.0]


def test_words_may_be_inside_their_segments() -> None:
    word = {"word": " One", "start": 0.5, "end": 0.9}
    found = heard({"text": "One", "segments": [{"text": "One", "start": 0.5, "end": 1, "words": [word]}]})
    assert [(w.text, w.start_s, w.end_s, w.probability) for w in found.words] == [("One", 0.5, 0.9, 1.0)]


def test_without_words_the_segments_decide_on_the_confidence() -> None:
    found = heard(two_sentences())
    assert found.words == ()
    assert found.confidence == pytest.approx((8 * 0.9 + 6 * 0.5) / 14)


def test_a_bare_text_is_one_segment_over_the_speech() -> None:
    found = heard({"text": " Hello there. "})
    assert [(s.text, s.start_s, s.end_s) for s in found.segments] == [("Hello there.", 0.5, 3.0)]
    assert (found.words, found.confidence) == ((), 1.0)
    assert (found.language, found.language_probability) == (None, 0.0)


def test_nothing_heard_is_no_text_and_no_confidence() -> None:
    blank = {"text": "  ", "segments": [{"text": " ", "start": 0, "end": 1}], "words": []}
    found = heard(blank, language="de")
    assert (found.text, found.segments, found.words, found.confidence) == ("", (), (), 0.0)
    assert (found.language, found.language_probability) == ("de", 1.0)


@pytest.mark.parametrize(
    ("answered", "given", "language"),
    [
        ("german", None, "de"),
        ("DE", None, "de"),
        ("pt-BR", None, "pt"),
        ("klingon", None, None),
        (None, None, None),
        ("english", "de", "de"),
    ],
)
def test_a_language_is_a_name_or_a_code(
    answered: str | None, given: str | None, language: str | None
) -> None:
    assert heard({"text": "Ja.", "language": answered}, language=given).language == language


def test_what_can_not_be_stored_is_left_out() -> None:
    figures = {"start": math.nan, "end": math.inf, "avg_logprob": -math.inf, "no_speech_prob": math.nan}
    found = heard({"text": "a\0b", "segments": [{"text": "a\0b", **figures}]})
    assert found.text == "ab"
    [segment] = found.segments
    assert (segment.start_s, segment.end_s) == (0.0, 0.0)
    assert (segment.avg_logprob, segment.no_speech_prob) == (None, None)


numbers = st.none() | st.floats(-10, 40) | st.sampled_from([math.nan, math.inf])
answered_words = st.fixed_dictionaries(
    {"word": st.text(max_size=3), "start": numbers, "end": numbers, "probability": numbers}
)
answered_segments = st.fixed_dictionaries(
    {"text": st.text(max_size=3), "start": numbers, "end": numbers, "avg_logprob": numbers}
)


@given(words=st.lists(answered_words, max_size=9), segments=st.lists(answered_segments, max_size=5))
def test_times_are_in_order_and_within_the_note_whatever_is_answered(
    words: list[object], segments: list[object]
) -> None:
    found = heard({"text": "text", "words": words, "segments": segments})
    assert found.segments
    for stretches in (found.words, found.segments):
        points = [point for stretch in stretches for point in (stretch.start_s, stretch.end_s)]
        assert points == sorted(points)
        assert all(0 <= point <= NOTE_S for point in points)
    assert all(0 <= word.probability <= 1 for word in found.words)
    assert 0 <= found.confidence <= 1
