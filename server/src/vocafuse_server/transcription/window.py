"""Transcribes a batch of windows, stretches of audio that fit into Whisper's 30 s. Everything blocks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from vocafuse_server.transcription.context import FULL_CONTEXT_S
from vocafuse_server.transcription.engine import SAMPLE_RATE, Samples, Segment, StageTimes, Word
from vocafuse_server.transcription.features import HOP
from vocafuse_server.transcription.gates import (
    Sign,
    find_sign,
    is_confirmed,
    is_no_speech,
    is_unheard,
    is_unsure,
)
from vocafuse_server.transcription.languages import has_spaces
from vocafuse_server.transcription.model import MAX_TOKENS, Model, Output, States
from vocafuse_server.transcription.vocabulary import TimedTokens
from vocafuse_server.transcription.words import TokenTimes, group_words, leave_pauses, time_words

T = TypeVar("T")

_BEAMS = 5
"""Of a careful reading; as many as faster-whisper's defaults. `context` has the figures."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowRequest:
    """One window and how it is to be transcribed.

    Attributes:
        audio: At least one sample, at most 30 s.
        speech_s: Between which times somebody speaks. The model lets a note's first word begin with the note.
        pauses: Between which times nobody does, in between.
        voice: How sure the voice detector is that somebody does.
        language: The spoken language; None detects it.
        words: Whether to time the words.
        context_s: How much audio the encoder is given, silence included.
        careful: Whether to read it the way that suits other languages than English, slower and better: with
            zeros after the note in place of silence, and several beams where nothing is sampled.
        temperature: Above 0, tokens are drawn.
        states: What the encoder made of it in an earlier pass on the same context: shape (frames, d_model).
        before: The text that an earlier pass wrote: the same again is no mistake of the decoder.
        final: Nothing better will be tried: the words are timed whatever the output looks like.
    """

    audio: Samples
    speech_s: tuple[float, float]
    pauses: tuple[tuple[float, float], ...]
    voice: float
    language: str | None
    words: bool
    context_s: float
    careful: bool
    temperature: float = 0.0
    states: States | None = None
    before: str | None = None
    final: bool = False

    @property
    def duration_s(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def is_first(self) -> bool:
        """Whether nothing else has been tried with the window."""
        return self.before is None and not self.careful

    @property
    def is_reduced(self) -> bool:
        """Whether the encoder could be given more."""
        return self.context_s < FULL_CONTEXT_S


@dataclass(frozen=True, slots=True, eq=False)
class WindowResult:
    """A window's transcription, with times from the window's beginning. Without speech it has no segments.

    Attributes:
        avg_logprob: The mean log probability of the tokens, the end of the text included.
        duration_s: Of the window.
        sign: Why the output looks wrong.
        states: What the encoder made of the window, for another pass; None if none is needed.
        times: The window's share of what its batch took.
        passes: How often the window has been transcribed to get here.
    """

    segments: tuple[Segment, ...]
    words: tuple[Word, ...]
    language: str
    language_probability: float
    avg_logprob: float
    duration_s: float
    times: StageTimes
    sign: Sign | None = None
    states: States | None = None
    passes: int = 1

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)


def timed(call: Callable[[], T]) -> tuple[T, float]:
    """Call; returns the result and the seconds that it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What one window of a batch came to, before its words are timed."""

    request: WindowRequest
    output: Output
    sign: Sign | None
    stretches: list[TimedTokens]

    @property
    def tokens(self) -> list[int]:
        return [token for stretch in self.stretches for token in stretch.tokens]


def transcribe_batch(model: Model, requests: Sequence[WindowRequest]) -> list[WindowResult]:
    """Transcribe windows together. All are read in the same way (context, care, temperature), and all or none
    have states.

    Nothing of one window enters into another's result: only the arithmetic is shared.
    """
    first = requests[0]
    states, features_s, encode_s = _encode(model, requests)
    outputs, generate_s = timed(
        lambda: model.decode(
            states,
            [request.language for request in requests],
            temperature=first.temperature,
            beams=_BEAMS if first.careful and not first.temperature else 1,
        )
    )
    decoded = [_judge(model, request, output) for request, output in zip(requests, outputs, strict=True)]
    words, align_s = timed(lambda: _find_words(model, states, decoded))
    if not any(words):
        align_s = 0.0
    size = len(requests)
    share = StageTimes(
        features_s=features_s / size,
        encode_s=encode_s / size,
        generate_s=generate_s / size,
        align_s=align_s / size,
    )
    return [
        _result(model, one, found, share, states_of_one)
        for one, found, states_of_one in zip(decoded, words, states, strict=True)
    ]


def _encode(model: Model, requests: Sequence[WindowRequest]) -> tuple[States, float, float]:
    """The encoder's output, and the seconds that features and encoding took."""
    known = [request.states for request in requests if request.states is not None]
    if known:
        return np.stack(known), 0.0, 0.0
    features, features_s = timed(
        lambda: np.stack(
            [model.log_mel(request.audio, request.context_s, blank=request.careful) for request in requests]
        )
    )
    states, encode_s = timed(lambda: model.encode(features))
    return states, features_s, encode_s


def _judge(model: Model, request: WindowRequest, output: Output) -> _Decoded:
    """What an output is worth: nothing if nobody speaks, or if the window is to be read again anyway."""
    unheard = request.is_reduced and is_unheard(output.no_speech_prob, voice=request.voice)
    if not unheard and is_no_speech(
        output.no_speech_prob, avg_logprob=output.avg_logprob, voice=request.voice
    ):
        return _Decoded(request, output, None, [])
    sign = Sign.UNHEARD if unheard else _find_sign(model, request, output)
    if request.is_first and is_unsure(sign, language=output.language, avg_logprob=output.avg_logprob):
        sign = Sign.UNSURE
    if sign in {Sign.UNHEARD, Sign.UNSURE}:
        return _Decoded(request, output, sign, [])
    return _Decoded(
        request, output, sign, model.vocabulary.cut_at_timestamps(output.tokens, request.speech_s)
    )


def _find_sign(model: Model, request: WindowRequest, output: Output) -> Sign | None:
    text = model.vocabulary.spell(model.vocabulary.text_tokens(output.tokens)).strip()
    begins_s, ends_s = model.vocabulary.last_stretch_s(output.tokens)
    sign = find_sign(
        text,
        duration_s=request.duration_s,
        speech_end_s=request.speech_s[1],
        begins_s=begins_s,
        ends_s=ends_s,
        tokens=len(output.tokens),
        max_tokens=MAX_TOKENS,
        is_reduced=request.is_reduced,
        spaces=has_spaces(output.language),
    )
    if sign is not None and request.before is not None and is_confirmed(sign, text, request.before):
        return None
    return sign


def _find_words(model: Model, states: States, decoded: Sequence[_Decoded]) -> list[tuple[Word, ...]]:
    """The timed words of each window that has any to time."""
    found: list[tuple[Word, ...]] = [()] * len(decoded)
    wanted = [
        index
        for index, one in enumerate(decoded)
        if one.request.words and one.tokens and (one.sign is None or one.request.final)
    ]
    if not wanted:
        return found
    times = model.align(
        states[wanted],
        [decoded[index].output for index in wanted],
        [_note_frames(decoded[index].request) for index in wanted],
    )
    for index, token_times in zip(wanted, times, strict=True):
        found[index] = _words(model, decoded[index], token_times)
    return found


def _note_frames(request: WindowRequest) -> int:
    return min(len(request.audio) // HOP, round(request.context_s * SAMPLE_RATE) // HOP)


def _words(model: Model, one: _Decoded, times: TokenTimes) -> tuple[Word, ...]:
    bounds = [(stretch.start_s, stretch.end_s) for stretch in one.stretches for _ in stretch.tokens]
    words = group_words(model.vocabulary.pieces(one.tokens), spaces=has_spaces(one.output.language))
    return leave_pauses(time_words(words, times, bounds=bounds), one.request.pauses)


def _result(
    model: Model, one: _Decoded, words: tuple[Word, ...], times: StageTimes, states: States
) -> WindowResult:
    return WindowResult(
        segments=_segments(model, one.stretches, one.output),
        words=words,
        language=one.output.language,
        language_probability=one.output.language_probability,
        avg_logprob=one.output.avg_logprob,
        duration_s=one.request.duration_s,
        times=times,
        sign=one.sign,
        states=None if one.sign in {None, Sign.UNSURE} else states,
    )


def _segments(model: Model, stretches: list[TimedTokens], output: Output) -> tuple[Segment, ...]:
    spelt = ((model.vocabulary.spell(stretch.tokens).strip(), stretch) for stretch in stretches)
    return tuple(
        Segment(text, stretch.start_s, stretch.end_s, output.avg_logprob, output.no_speech_prob)
        for text, stretch in spelt
        if text
    )


def reread(before: WindowResult, after: WindowResult) -> WindowResult:
    """`after`, read with care, as the outcome of a window that left doubts in `before`.

    Care is no second pass: that is what follows when an output looks wrong.
    """
    return replace(after, times=before.times + after.times)


def repeated(before: WindowResult, after: WindowResult) -> WindowResult:
    """`after` as the outcome of a window that `before` was an earlier pass over."""
    return replace(after, times=before.times + after.times, passes=before.passes + after.passes)
