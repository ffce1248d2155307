import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.gates import Sign, compression_ratio, find_sign, is_no_speech, repeats

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


@pytest.mark.parametrize(("text", "duration_s", "spaces"), SOUND)
def test_sound_outputs_pass(text: str, duration_s: float, spaces: bool) -> None:
    assert (
        find_sign(text, duration_s=duration_s, latest_s=0.0, tokens=30, max_tokens=224, spaces=spaces) is None
    )


def test_a_text_that_goes_on_after_the_end_was_written_twice() -> None:
    text = "Testar 1, 2, 3, 4, 5, 6, 7, 8 Testa en, två, tre, fyra, fem, sex, sju, och åtta."
    assert find_sign(text, duration_s=9.0, latest_s=16.0, tokens=60, max_tokens=224) is Sign.PAST_END
    assert find_sign(text, duration_s=9.0, latest_s=9.8, tokens=60, max_tokens=224) is None


def test_a_phrase_looped_twelve_times_trips_each_gate() -> None:
    text = LOOP * 12
    assert compression_ratio(text) > 5
    assert repeats(text) == 12
    assert find_sign(text, duration_s=30.0, latest_s=0.0, tokens=100, max_tokens=224) is Sign.COMPRESSION
    assert find_sign(LOOP * 3, duration_s=5.0, latest_s=0.0, tokens=30, max_tokens=224) is not None


def test_a_looped_phrase_without_spaces_trips() -> None:
    assert find_sign(
        "ご視聴ありがとう" * 12, duration_s=30.0, latest_s=0.0, tokens=99, max_tokens=224, spaces=False
    )
    assert repeats("今日はいい天気ですね" * 3, spaces=False) == 3
    assert repeats("哈哈哈", spaces=False) == 0


def test_too_much_text_for_the_time_trips() -> None:
    text = "The quick brown fox jumps over a lazy dog while seven wizards box."
    assert find_sign(text, duration_s=2.0, latest_s=0.0, tokens=20, max_tokens=224) is Sign.TOO_FAST
    assert find_sign(text, duration_s=4.0, latest_s=0.0, tokens=20, max_tokens=224) is None


def test_an_output_as_long_as_possible_trips() -> None:
    assert find_sign("fine", duration_s=20.0, latest_s=0.0, tokens=224, max_tokens=224) is Sign.LIMIT


def test_punctuation_and_case_do_not_hide_a_repetition() -> None:
    assert repeats("Go to sleep. go to sleep, Go to sleep!") == 3


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=3, max_size=6, unique=False))
def test_any_phrase_repeated_twelve_times_is_found(words: list[str]) -> None:
    text = " ".join(words * 12)
    assert find_sign(text, duration_s=60.0, latest_s=0.0, tokens=60, max_tokens=224) is not None


@given(st.text(), st.booleans())
def test_any_text_is_judged(text: str, spaces: bool) -> None:
    assert repeats(text, spaces=spaces) >= 0
    assert compression_ratio(text) >= 0


def test_no_speech_is_decided_by_its_probability_alone() -> None:
    assert is_no_speech(0.62)
    assert not is_no_speech(0.32)
