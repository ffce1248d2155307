"""What a window does with suspicious outputs: the real vocabulary, a model that says what it is told to."""

import ctranslate2
import numpy as np
import pytest
from numpy.typing import NDArray

from vocafuse_server.transcription.features import LogMel
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.whisper import Encoded, Output
from vocafuse_server.transcription.window import WindowResult, transcribe_window
from vocafuse_server.transcription.words import TokenTimes

pytestmark = pytest.mark.model

GOOD = " When is a lobster not a lobster?"
LOOP = " and I have to say that" * 12


class ScriptedModel:
    """Gives one output after another and remembers the contexts that it was asked to encode."""

    def __init__(self, vocabulary: Vocabulary, outputs: list[Output]) -> None:
        self.vocabulary = vocabulary
        self.log_mel = LogMel(80)
        self.contexts: list[int] = []
        self._outputs = iter(outputs)

    def encode(self, features: NDArray[np.float32], note_frames: int) -> Encoded:
        self.contexts.append(features.shape[1])
        return Encoded(ctranslate2.StorageView.from_array(features), note_frames)

    def detect_language(self, encoded: Encoded) -> tuple[str, float]:
        return "en", 0.9

    def generate(self, encoded: Encoded, language: str) -> Output:
        return next(self._outputs)

    def align(self, encoded: Encoded, language: str, text_tokens: list[int]) -> TokenTimes:
        return TokenTimes([0.1 * index for index in range(len(text_tokens) + 1)], [0.5] * len(text_tokens))


@pytest.fixture(scope="module")
def vocabulary(base_files: ModelFiles) -> Vocabulary:
    return Vocabulary(base_files.path, multilingual=True)


def say(vocabulary: Vocabulary, text: str, *, no_speech_prob: float = 0.01) -> Output:
    return Output(tuple(vocabulary.encode(text)), -0.2, no_speech_prob)


def run(model: ScriptedModel, seconds: float = 4.0) -> WindowResult:
    audio = np.zeros(int(seconds * 16_000), dtype=np.float32)
    speech_s = (0.0, seconds)
    return transcribe_window(model, audio, speech_s=speech_s, language=None, words=True, min_context_s=5.0)


def test_a_sound_output_is_kept(vocabulary: Vocabulary) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, GOOD)])
    result = run(model)
    assert model.contexts == [750]
    assert result.second_passes == 0
    assert [word.text for word in result.words] == ["When", "is", "a", "lobster", "not", "a", "lobster?"]


def test_a_loop_is_done_again_on_the_full_context(vocabulary: Vocabulary) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP), say(vocabulary, GOOD)])
    result = run(model)
    assert model.contexts == [750, 3000]
    assert result.second_passes == 1
    assert [segment.text for segment in result.segments] == [GOOD.strip()]


def test_the_full_context_is_not_tried_twice(vocabulary: Vocabulary) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP)])
    result = run(model, seconds=28.0)
    assert model.contexts == [3000]
    assert result.second_passes == 0


def test_no_speech_silences_even_a_loop(vocabulary: Vocabulary) -> None:
    model = ScriptedModel(vocabulary, [say(vocabulary, LOOP, no_speech_prob=0.7)])
    result = run(model)
    assert (result.segments, result.words, result.second_passes) == ((), (), 0)
