"""The real tokenizer of the base model."""

import pytest

from vocafuse_server.transcription.engine import UnknownLanguage
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.weights import ModelFiles

pytestmark = pytest.mark.model

FIRST_TIMESTAMP = 50_364


@pytest.fixture(scope="module")
def vocabulary(base_files: ModelFiles) -> Vocabulary:
    return Vocabulary(base_files.path, multilingual=True)


def stamp(seconds: float) -> int:
    return FIRST_TIMESTAMP + round(seconds / 0.02)


def test_the_prompt_names_the_language(vocabulary: Vocabulary) -> None:
    assert vocabulary.prompt("en") == [50_258, 50_259, 50_359]
    with pytest.raises(UnknownLanguage, match="'xx'"):
        vocabulary.prompt("xx")


def test_pieces_are_whole_characters(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.encode(" Crème 真っ昼間 🎉")
    pieces = list(vocabulary.pieces(tokens))
    assert "".join(text for text, _ in pieces) == " Crème 真っ昼間 🎉"
    assert sum(count for _, count in pieces) == len(tokens)
    assert len(pieces) < len(tokens)


def test_half_a_character_is_left_out(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.encode("🎉")[:-1]
    assert vocabulary.spell(tokens) == ""
    assert [text for text, _ in vocabulary.pieces(tokens)] == [""]


def test_timestamps_cut_segments(vocabulary: Vocabulary) -> None:
    one, two = vocabulary.encode(" one"), vocabulary.encode(" two")
    tokens = [stamp(0), *one, stamp(1.5), stamp(1.8), *two, stamp(9.0)]
    segments = vocabulary.cut_at_timestamps(tokens, speech_s=(0.0, 4.0))
    assert [(vocabulary.spell(s.tokens), s.start_s, s.end_s) for s in segments] == [
        (" one", 0.0, pytest.approx(1.5)),
        (" two", pytest.approx(1.8), 4.0),
    ]


def test_an_output_without_its_last_timestamp_ends_with_the_note(vocabulary: Vocabulary) -> None:
    tokens = [stamp(2.0), *vocabulary.encode(" one")]
    (segment,) = vocabulary.cut_at_timestamps(tokens, speech_s=(0.0, 3.0))
    assert (segment.start_s, segment.end_s) == (pytest.approx(2.0), 3.0)


def test_timestamps_that_go_back_are_ignored(vocabulary: Vocabulary) -> None:
    one = vocabulary.encode(" one")
    segments = vocabulary.cut_at_timestamps(
        [stamp(2.0), *one, stamp(1.0), *one, stamp(2.5)], speech_s=(0.0, 3.0)
    )
    assert [(s.start_s, s.end_s) for s in segments] == [(2.0, 2.0), (2.0, 2.5)]


def test_segments_do_not_reach_into_the_silence_around_the_speech(vocabulary: Vocabulary) -> None:
    tokens = [stamp(0), *vocabulary.encode(" one"), stamp(4.0)]
    (segment,) = vocabulary.cut_at_timestamps(tokens, speech_s=(1.6, 3.2))
    assert (segment.start_s, segment.end_s) == (1.6, 3.2)
