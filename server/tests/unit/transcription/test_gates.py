import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.gates import (
    Sign,
    compression_ratio,
    find_sign,
    is_confirmed,
    is_no_speech,
    is_unheard,
    repeats,
)

LOOP = "and I have to say that "
SOUND = [
    ("When is a lobster not a lobster? When it is a crayfish.", 4.4, True),
    ("The most unusual thing I can think of would be a peaceful night.", 5.0, True),
    ("Eight of spades, four of clubs, seven of hearts.", 3.5, True),
    ("Yes, yes, yes.", 1.2, True),
    ("No.", 0.5, True),
    ("Die Werbung vermittelt einen falschen Eindruck.", 3.5, True),
    ("希望你以后能够做的比我还好哟。", 3.5, False),
    ("真っ昼間なのにキャンプの外れの電柱に電球がともっていた", 6.5, False),
    ("", 3.0, True),
]


def sign_of(
    text: str,
    duration_s: float,
    *,
    begins_s: float = 0.0,
    ends_s: float = 0.0,
    tokens: int = 30,
    is_reduced: bool = True,
    spaces: bool = True,
) -> Sign | None:
    """The sign of an output for audio in which somebody speaks up to a second before its end."""
    return find_sign(
        text,
        duration_s=duration_s,
        speech_end_s=duration_s - 1,
        begins_s=begins_s,
        ends_s=ends_s,
        tokens=tokens,
        max_tokens=224,
        is_reduced=is_reduced,
        spaces=spaces,
    )


@pytest.mark.parametrize(("text", "duration_s", "spaces"), SOUND)
def test_sound_outputs_pass(text: str, duration_s: float, spaces: bool) -> None:
    assert sign_of(text, duration_s, spaces=spaces) is None


def test_a_text_that_begins_again_when_the_speech_is_over_was_written_twice() -> None:
    text = "Testar 1, 2, 3, 4, 5, 6, 7, 8 Testa en, två, tre, fyra, fem, sex, sju, och åtta."
    assert sign_of(text, 9.0, begins_s=10.0, ends_s=16.0) is Sign.PAST_END
    assert sign_of(text, 9.0, begins_s=8.0, ends_s=16.0) is Sign.PAST_END


def test_a_text_whose_end_is_only_said_to_be_late_is_sound() -> None:
    text = "I'm Abigail. You can call me Abby."
    assert sign_of(text, 6.0, begins_s=0.0, ends_s=8.0) is None
    assert sign_of(text, 6.0, begins_s=5.0, ends_s=6.8) is None


def test_a_phrase_looped_twelve_times_trips_each_gate() -> None:
    text = LOOP * 12
    assert compression_ratio(text) > 5
    assert repeats(text) == 12
    assert sign_of(text, 30.0) is Sign.COMPRESSION
    assert sign_of(LOOP * 3, 5.0) is not None


def test_a_looped_phrase_without_spaces_trips() -> None:
    assert sign_of("ご視聴ありがとう" * 12, 30.0, spaces=False) is not None
    assert repeats("今日はいい天気ですね" * 3, spaces=False) == 3
    assert repeats("哈哈哈", spaces=False) == 0


def test_too_much_text_for_the_time_trips() -> None:
    text = "The quick brown fox jumps over a lazy dog while seven wizards box."
    assert sign_of(text, 2.0) is Sign.TOO_FAST
    assert sign_of(text, 4.0) is None


def test_an_output_that_ends_before_the_speech_trips() -> None:
    assert sign_of("fine", 9.0, ends_s=6.5) is Sign.UNTOLD
    assert sign_of("fine", 9.0, ends_s=7.5) is None
    assert sign_of("fine", 9.0, ends_s=6.5, is_reduced=False) is None


def test_an_output_as_long_as_possible_trips() -> None:
    assert sign_of("fine", 20.0, tokens=224) is Sign.LIMIT


def test_punctuation_and_case_do_not_hide_a_repetition() -> None:
    assert repeats("Go to sleep. go to sleep, Go to sleep!") == 3


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=3, max_size=6, unique=False))
def test_any_phrase_repeated_twelve_times_is_found(words: list[str]) -> None:
    text = " ".join(words * 12)
    assert sign_of(text, 60.0) is not None


@given(st.text(), st.booleans())
def test_any_text_is_judged(text: str, spaces: bool) -> None:
    assert repeats(text, spaces=spaces) >= 0
    assert compression_ratio(text) >= 0


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "voice", "silent"),
    [
        (0.02, -0.3, 0.99, False),
        (0.57, -0.3, 0.99, False),  # a note that was cut off
        (0.20, -1.2, 0.97, False),  # mumbled
        (0.95, -0.3, 0.99, True),
        (0.61, -1.8, 0.75, True),  # a whale
        (0.31, -0.2, 0.76, True),  # a hippopotamus
        (0.25, -1.2, 0.84, True),  # a howl
        (0.20, -0.7, 0.70, False),  # a short word
    ],
)
def test_whether_somebody_speaks_is_told_by_model_and_detector(
    no_speech_prob: float, avg_logprob: float, voice: float, silent: bool
) -> None:
    assert is_no_speech(no_speech_prob, avg_logprob=avg_logprob, voice=voice) is silent


def test_what_the_model_does_not_hear_is_looked_at_again_where_a_voice_is_clear() -> None:
    assert is_unheard(0.57, voice=0.99)
    assert not is_unheard(0.57, voice=0.8)
    assert not is_unheard(0.3, voice=0.99)


def test_a_repetition_that_two_passes_agree_on_was_said() -> None:
    text = "One, two, three. One, two, three. One, two, three."
    assert sign_of(text, 8.0) is Sign.REPETITION
    assert is_confirmed(Sign.REPETITION, text, text.replace(".", ",").lower())
    assert not is_confirmed(Sign.REPETITION, text, text + " One, two, three.")
    assert not is_confirmed(Sign.LIMIT, text, text)
