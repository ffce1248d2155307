"""Which recordings are taken, and what longer notes are made of."""

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bench.clips import (
    TEST_CLIPS,
    Clip,
    full_windows,
    joined_samples,
    load_clips,
    minute_notes,
    minute_plans,
    short_clips,
    silent_files,
)


def clip(name: str, seconds: float) -> Clip:
    return Clip(Path(name), f"words of {name}", "en", seconds)


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("LJ001-0002.wav", "LJ"),
        ("533-1066-0001.flac", "533"),
        ("de-werbung.wav", None),
        ("common_voice_en_22058264.mp3", None),
    ],
)
def test_readers_are_told_by_file_names(name: str, reader: str | None) -> None:
    assert clip(name, 1).reader == reader


def test_notes_of_a_minute_are_whole_recordings_and_then_one_readers_clips() -> None:
    whole = [clip("sonnet.mp3", 53), clip("too-long.mp3", 90)]
    enough = [clip(f"LJ001-{number:04}.wav", 9) for number in range(12)]
    too_few = [clip(f"533-1066-{number:04}.flac", 9) for number in range(3)]
    plans = list(minute_plans([*whole, *too_few, *enough], 4))
    assert plans[0] == whole[:1]
    for plan in plans[1:]:
        assert {part.reader for part in plan} == {"LJ"}
        assert len(plan) == len(set(plan)) == 6  # a seventh would make it 65.4 s
    assert all(one != other for one, other in pairwise(plans))


def test_notes_of_a_minute_are_the_same_every_time() -> None:
    clips = [clip(f"LJ001-{number:04}.wav", 5 + number % 3) for number in range(12)]
    assert list(minute_plans(clips, 3)) == list(minute_plans(clips, 3))


def test_too_few_clips_make_no_note_of_a_minute(tmp_path: Path) -> None:
    assert minute_notes(load_clips(TEST_CLIPS), tmp_path) == []


def test_windows_have_exactly_their_length(tmp_path: Path) -> None:
    one, other = full_windows(short_clips(TEST_CLIPS), tmp_path, count=2, seconds=30)
    with wave.open(str(one)) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (30 * 16_000, 16_000, 1)
    assert one.read_bytes() != other.read_bytes()


def test_joined_clips_have_a_gap_of_silence_between_them() -> None:
    first, second = short_clips(TEST_CLIPS)[:2]
    samples = joined_samples([first, second])
    begin = len(joined_samples([first]))
    assert not np.any(samples[begin : begin + 6_400])
    assert len(samples) == begin + 6_400 + len(joined_samples([second]))


def test_files_without_speech_are_found() -> None:
    assert [file.name for file in silent_files(TEST_CLIPS)] == ["silence-10s.wav"]
