"""Whisper models: CTranslate2 alone, or, on processors, with a decoder of our own."""

from collections.abc import Sequence
from contextlib import nullcontext
from threading import Lock

import ctranslate2
import numpy as np
from ctranslate2.models import Whisper, WhisperGenerationResult
from numpy.typing import NDArray

from vocafuse_server.transcription.checkpoint import UnreadableCheckpoint
from vocafuse_server.transcription.engine import TranscriptionError
from vocafuse_server.transcription.features import LogMel
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.languages import ENGLISH, LANGUAGES
from vocafuse_server.transcription.model import MAX_TOKENS, Model, Output, States
from vocafuse_server.transcription.onnx_decoder import OnnxDecoder
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.words import TokenTimes, read_alignment

_MAX_LENGTH = 2 * MAX_TOKENS
"""CTranslate2 generates at most half of this."""
_MAX_BATCH = {"cpu": 4, "cuda": 16}
_LARGE_FRAMES = 2000
"""Of 20 s. What is larger is encoded by one worker at a time: its attention takes hundreds of megabytes."""
_MAX_BATCH_S2 = {"cpu": 1800.0, "cuda": 14400.0}
"""Bound on windows times context squared, with which the memory of the encoder's attention grows: four
windows of 20 s, or two of 30 s; on a GPU, which gains more from batches, sixteen of 30 s."""


class CTranslate2Whisper:
    """A `Model` on CTranslate2, on a processor or a GPU.

    A batch of four halves the decoder's time for a window; more make the short wait for the long, which a GPU
    makes up for. Lengths in steps of 2.5 s cost nothing in quality and let many windows share a batch.

    Raises:
        TranscriptionError: The files or the hardware do not fit.
    """

    context_step_s = 2.5

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
        self._device = hardware.device
        self._multilingual = self._model.is_multilingual
        self.vocabulary = Vocabulary(files.path, multilingual=self._multilingual)
        self.log_mel = LogMel(self._model.n_mels)

    def batch_size(self, context_s: float) -> int:
        """See `Model.batch_size`."""
        return max(1, min(_MAX_BATCH[self._device], int(_MAX_BATCH_S2[self._device] / context_s**2)))

    def encode(self, features: NDArray[np.float32]) -> States:
        """See `Model.encode`."""
        return np.asarray(self._model.encode(_view(features), to_cpu=True))

    def decode(
        self,
        states: States,
        languages: Sequence[str | None],
        *,
        temperature: float = 0.0,
        beams: int = 1,
    ) -> list[Output]:
        """See `Model.decode`."""
        known = self._detect(states, languages)
        results = self._model.generate(
            _view(states),
            [self.vocabulary.prompt(language) for language, _ in known],
            beam_size=beams,
            max_length=_MAX_LENGTH,
            return_scores=True,
            return_no_speech_prob=True,
            sampling_topk=0 if temperature else 1,
            sampling_temperature=temperature or 1.0,
        )
        return [_output(*language, result) for language, result in zip(known, results, strict=True)]

    def _detect(self, states: States, languages: Sequence[str | None]) -> list[tuple[str, float]]:
        """The language of each window and how sure that is: the caller's, or the likeliest."""
        asked = [index for index, language in enumerate(languages) if language is None]
        if not self._multilingual:
            found = [(ENGLISH, 1.0)] * len(asked)
        elif asked:
            found = [_best_known(ranked) for ranked in self._model.detect_language(_view(states[asked]))]
        else:
            found = []
        detected = dict(zip(asked, found, strict=True))
        return [
            detected[index] if language is None else (language, 1.0)
            for index, language in enumerate(languages)
        ]

    def align(
        self, states: States, outputs: Sequence[Output], note_frames: Sequence[int]
    ) -> list[TokenTimes]:
        """See `Model.align`; outputs of one language are aligned together."""
        found: dict[int, TokenTimes] = {}
        for language in {output.language for output in outputs}:
            group = [index for index, output in enumerate(outputs) if output.language == language]
            text_tokens = [self.vocabulary.text_tokens(outputs[index].tokens) for index in group]
            results = self._model.align(
                _view(states[group]),
                self.vocabulary.prompt(language),
                text_tokens,
                [max(2, note_frames[index]) for index in group],
            )
            for index, tokens, result in zip(group, text_tokens, results, strict=True):
                found[index] = read_alignment(result.alignments, result.text_token_probs, tokens=len(tokens))
        return [found[index] for index in range(len(outputs))]


class HybridWhisper:
    """A `Model` for processors: CTranslate2's encoder and the decoder of `onnx_decoder`.

    Several beams are left to CTranslate2's decoder. Batches gain nothing, so a window's context is just as
    long as it needs to be.

    Args:
        files: The model.
        hardware: A processor, and how much of it.

    Raises:
        TranscriptionError: The files or the hardware do not fit.
        UnreadableCheckpoint: The decoder can't read these weights; CTranslate2 can.
    """

    context_step_s = 0.5

    def __init__(self, files: ModelFiles, hardware: Hardware) -> None:
        self._encoder = CTranslate2Whisper(files, hardware)
        self.vocabulary = self._encoder.vocabulary
        self.log_mel = self._encoder.log_mel
        self._decoder = OnnxDecoder(files.path, self.vocabulary, threads=hardware.threads)
        self._one_large = Lock()

    def batch_size(self, context_s: float) -> int:
        """See `Model.batch_size`."""
        del context_s
        return 1

    def encode(self, features: NDArray[np.float32]) -> States:
        """See `Model.encode`."""
        with self._one_large if features.shape[2] > _LARGE_FRAMES else nullcontext():
            return self._encoder.encode(features)

    def decode(
        self,
        states: States,
        languages: Sequence[str | None],
        *,
        temperature: float = 0.0,
        beams: int = 1,
    ) -> list[Output]:
        """See `Model.decode`."""
        if beams > 1:
            return self._encoder.decode(states, languages, temperature=temperature, beams=beams)
        return [
            self._decoder.decode(of_one, language, temperature=temperature)
            for of_one, language in zip(states, languages, strict=True)
        ]

    def align(
        self, states: States, outputs: Sequence[Output], note_frames: Sequence[int]
    ) -> list[TokenTimes]:
        """See `Model.align`."""
        if any(output.attention is None for output in outputs):
            return self._encoder.align(states, outputs, note_frames)
        return [
            self._decoder.align(output, frames) for output, frames in zip(outputs, note_frames, strict=True)
        ]


def load_model(files: ModelFiles, hardware: Hardware) -> Model:
    """Load a model in the way that is fastest on this hardware.

    Raises:
        TranscriptionError: The files or the hardware do not fit.
    """
    if hardware.device == "cpu" and hardware.compute_type == "int8":
        try:
            return HybridWhisper(files, hardware)
        except UnreadableCheckpoint:
            pass  # CTranslate2 reads more kinds of files; everything else is the same.
    return CTranslate2Whisper(files, hardware)


def _view(values: NDArray[np.float32]) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(values))


def _best_known(ranked: Sequence[tuple[str, float]]) -> tuple[str, float]:
    for token, probability in ranked:
        code = token.strip("<|>")
        if code in LANGUAGES:
            return code, probability
    raise TranscriptionError("The model detected no language.")


def _output(language: str, probability: float, result: WhisperGenerationResult) -> Output:
    tokens = tuple(result.sequences_ids[0])
    # The score is a mean over the tokens; Whisper's own figure counts the end of the text as well.
    logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
    return Output(language, probability, tokens, logprob, result.no_speech_prob)
