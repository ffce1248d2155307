"""A Whisper model on CTranslate2, a method a stage. They block, release Python's lock and are thread-safe."""

from collections.abc import Sequence
from dataclasses import dataclass

import ctranslate2
import numpy as np
from ctranslate2.models import Whisper, WhisperGenerationResult
from numpy.typing import NDArray

from vocafuse_server.transcription.engine import TranscriptionError
from vocafuse_server.transcription.features import LogMel
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.languages import LANGUAGES
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.words import TokenTimes, read_alignment

# CTranslate2 generates at most half of this, Whisper's own limit of 224 tokens.
_MAX_LENGTH = 448
MAX_TOKENS = _MAX_LENGTH // 2

States = NDArray[np.float32]
"""The encoder's output, shape (batch, frames, d_model)."""


@dataclass(frozen=True, slots=True)
class Output:
    """What the decoder wrote: tokens with timestamps, and how sure it was."""

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float


class WhisperModel:
    """Loads a model.

    Raises:
        TranscriptionError: The files or the hardware do not fit.
    """

    def __init__(self, files: ModelFiles, hardware: Hardware) -> None:
        try:
            self._model = Whisper(
                str(files.path),
                hardware.device,
                compute_type=hardware.compute_type,
                inter_threads=hardware.workers,
                intra_threads=hardware.threads,
            )
        except (RuntimeError, ValueError) as error:
            raise TranscriptionError(
                f"The model {files.name!r} can't be loaded on {hardware.device} as {hardware.compute_type}."
            ) from error
        self.multilingual = self._model.is_multilingual
        self.vocabulary = Vocabulary(files.path, multilingual=self.multilingual)
        self.log_mel = LogMel(self._model.n_mels)

    def encode(self, features: NDArray[np.float32]) -> States:
        """The encoder's output for features of shape (batch, n_mels, frames).

        Returns:
            float32, shape (batch, frames / 2, d_model); in main memory, also when a GPU made it, so that
            parts of a batch can be taken out.
        """
        view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features))
        return np.asarray(self._model.encode(view, to_cpu=True))

    def detect_languages(self, states: States) -> list[tuple[str, float]]:
        """For each of the batch the most probable language's code, and its probability."""
        if not self.multilingual:
            return [("en", 1.0)] * len(states)
        return [_best_known(ranked) for ranked in self._model.detect_language(_view(states))]

    def generate(self, states: States, languages: Sequence[str], *, temperature: float = 0.0) -> list[Output]:
        """Decode with timestamps: greedily, or by sampling at a temperature above 0.

        Five beams cost a quarter more and gain nothing here.
        """
        results = self._model.generate(
            _view(states),
            [self.vocabulary.prompt(language) for language in languages],
            beam_size=1,
            max_length=_MAX_LENGTH,
            return_scores=True,
            return_no_speech_prob=True,
            sampling_topk=0 if temperature else 1,
            sampling_temperature=temperature or 1.0,
        )
        return [_output(result) for result in results]

    def align(
        self, states: States, language: str, text_tokens: Sequence[list[int]], note_frames: Sequence[int]
    ) -> list[TokenTimes]:
        """Find when each text token of each of the batch was spoken; all are in one language.

        Args:
            states: The encoder's output.
            language: The language's code.
            text_tokens: The tokens of each, at least one.
            note_frames: Mel frames of each note itself. Given the padded length, the last words would
                stretch into the silence.
        """
        results = self._model.align(
            _view(states),
            self.vocabulary.prompt(language),
            [list(tokens) for tokens in text_tokens],
            [max(2, frames) for frames in note_frames],
        )
        return [
            read_alignment(result.alignments, result.text_token_probs, tokens=len(tokens))
            for result, tokens in zip(results, text_tokens, strict=True)
        ]


def _view(states: States) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(states))


def _best_known(ranked: Sequence[tuple[str, float]]) -> tuple[str, float]:
    for token, probability in ranked:
        code = token.strip("<|>")
        if code in LANGUAGES:
            return code, probability
    raise TranscriptionError("The model detected no language.")


def _output(result: WhisperGenerationResult) -> Output:
    tokens = tuple(result.sequences_ids[0])
    # The score is a mean over the tokens; Whisper's own figure counts the end of the text as well.
    logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    return Output(tokens, logprob, result.no_speech_prob)
