"""Transcribes one window, a stretch of audio that fits into Whisper's 30 s. Everything here blocks."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vocafuse_server.transcription.context import FULL_CONTEXT_S, context_seconds
from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples, Segment, StageTimes, Word
from vocafuse_server.transcription.features import HOP, LogMel
from vocafuse_server.transcription.gates import find_sign, is_no_speech
from vocafuse_server.transcription.languages import has_spaces
from vocafuse_server.transcription.vocabulary import TimedTokens, Vocabulary
from vocafuse_server.transcription.whisper import MAX_TOKENS, Encoded, Output
from vocafuse_server.transcription.words import TokenTimes, group_words, time_words

T = TypeVar("T")


class Model(Protocol):
    """The stages that a window needs; `whisper.WhisperModel` has them."""

    vocabulary: Vocabulary
    log_mel: LogMel

    def encode(self, features: NDArray[np.float32], note_frames: int) -> Encoded: ...
    def detect_language(self, encoded: Encoded) -> tuple[str, float]: ...
    def generate(self, encoded: Encoded, language: str) -> Output: ...
    def align(self, encoded: Encoded, language: str, text_tokens: list[int]) -> TokenTimes: ...


@dataclass(frozen=True, slots=True)
class WindowResult:
    """A window's transcription, with times from the window's beginning. Without speech it has no segments."""

    segments: tuple[Segment, ...]
    words: tuple[Word, ...]
    language: str
    language_probability: float
    avg_logprob: float
    duration_s: float
    times: StageTimes
    second_passes: int


@dataclass(frozen=True, slots=True)
class _Pass:
    """One encoding of the window and what the decoder wrote for it."""

    encoded: Encoded
    language: str
    language_probability: float
    output: Output
    times: StageTimes


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Call; returns the result and the seconds that it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def transcribe_window(
    model: Model,
    audio: Samples,
    *,
    speech_s: tuple[float, float],
    language: str | None,
    words: bool,
    min_context_s: float,
) -> WindowResult:
    """Transcribe on the reduced context, and once more on the full one if the output looks wrong.

    Args:
        model: The model.
        audio: At least one sample, at most 30 s.
        speech_s: Between which times somebody speaks. The model lets a note's first word begin with the note.
        language: The spoken language; None detects it.
        words: Whether to time the words.
        min_context_s: The shortest context for the encoder.
    """
    duration_s = len(audio) / SAMPLE_RATE
    context_s = context_seconds(duration_s, min_context_s=min_context_s)
    chosen = _run_pass(model, audio, context_s, language)
    times, second_passes = chosen.times, 0
    silent = is_no_speech(chosen.output.no_speech_prob)
    if not silent and context_s < FULL_CONTEXT_S and _is_suspicious(model, chosen, duration_s):
        chosen = _run_pass(model, audio, FULL_CONTEXT_S, language)
        times, second_passes = times + chosen.times, 1
        silent = is_no_speech(chosen.output.no_speech_prob)
    stretches = [] if silent else model.vocabulary.cut_at_timestamps(chosen.output.tokens, speech_s)
    found: tuple[Word, ...] = ()
    if words and stretches:
        found, align_s = timed(lambda: _find_words(model, chosen, stretches))
        times = replace(times, align_s=align_s)
    return WindowResult(
        segments=_segments(model, stretches, chosen.output),
        words=found,
        language=chosen.language,
        language_probability=chosen.language_probability,
        avg_logprob=chosen.output.avg_logprob,
        duration_s=duration_s,
        times=times,
        second_passes=second_passes,
    )


def _run_pass(model: Model, audio: Samples, context_s: float, language: str | None) -> _Pass:
    """Encode once, and take both the language and the text from it."""
    features, features_s = timed(lambda: model.log_mel(audio, context_s))
    encoded, encode_s = timed(lambda: model.encode(features, len(audio) // HOP))
    probability, detect_s = 1.0, 0.0
    if language is None:
        (language, probability), detect_s = timed(lambda: model.detect_language(encoded))
    spoken = language
    output, generate_s = timed(lambda: model.generate(encoded, spoken))
    times = StageTimes(features_s=features_s, encode_s=encode_s, detect_s=detect_s, generate_s=generate_s)
    return _Pass(encoded, spoken, probability, output, times)


def _is_suspicious(model: Model, done: _Pass, duration_s: float) -> bool:
    vocabulary = model.vocabulary
    sign = find_sign(
        vocabulary.spell(vocabulary.text_tokens(done.output.tokens)).strip(),
        duration_s=duration_s,
        tokens=len(done.output.tokens),
        max_tokens=MAX_TOKENS,
        spaces=has_spaces(done.language),
    )
    return sign is not None


def _segments(model: Model, stretches: list[TimedTokens], output: Output) -> tuple[Segment, ...]:
    spelt = ((model.vocabulary.spell(stretch.tokens).strip(), stretch) for stretch in stretches)
    return tuple(
        Segment(text, stretch.start_s, stretch.end_s, output.avg_logprob, output.no_speech_prob)
        for text, stretch in spelt
        if text
    )


def _find_words(model: Model, done: _Pass, stretches: list[TimedTokens]) -> tuple[Word, ...]:
    tokens = [token for stretch in stretches for token in stretch.tokens]
    bounds = [(stretch.start_s, stretch.end_s) for stretch in stretches for _ in stretch.tokens]
    times = model.align(done.encoded, done.language, tokens)
    words = group_words(model.vocabulary.pieces(tokens), spaces=has_spaces(done.language))
    return time_words(words, times, bounds=bounds)
