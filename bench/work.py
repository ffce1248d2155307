"""The least work that transcribing a note takes, whatever the program: how near is it to the limit?

Whisper needs no more than the note itself, two seconds to see that it is over, and five seconds in all. For
that context, one pass through the encoder and one through the decoder, greedy, a token a step, with cached
keys and values. Two operations for each multiply-add; what is not a matrix product counts nothing. Detecting
the language, timing the words, padding and second passes are what a program spends beyond it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

MARGIN_S = 2.0
MIN_CONTEXT_S = 5.0
MAX_CONTEXT_S = 30.0
POSITIONS_PER_S = 50
"""The encoder makes one position of two frames of 10 ms."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a Whisper model; the encoder and the decoder have as many layers."""

    width: int
    layers: int
    mels: int
    vocabulary: int


BASE = Shape(width=512, layers=6, mels=80, vocabulary=51865)


def least_context_s(duration_s: float) -> float:
    """How much audio the encoder has to see for a note that fits into one window."""
    return min(MAX_CONTEXT_S, max(MIN_CONTEXT_S, duration_s + MARGIN_S))


def encoder_operations(context_s: float, shape: Shape = BASE) -> int:
    """Operations to encode once.

    Two convolutions of three taps, of which the second halves the frames; in each layer four projections and
    two products with matrices four times as wide (12 d² in all), and the attention of each position to each.
    """
    positions, width = ceil(context_s * POSITIONS_PER_S), shape.width
    convolutions = 2 * positions * 3 * shape.mels * width + positions * 3 * width * width
    layer = 12 * positions * width * width + 2 * positions * positions * width
    return 2 * (convolutions + shape.layers * layer)


def decoder_operations(context_s: float, tokens: int, shape: Shape = BASE) -> int:
    """Operations to write so many tokens.

    Once a layer, keys and values of the encoder's positions; then for each token and layer six projections
    and two wider products (14 d²), attention to the positions, and to half of the tokens on average; and for
    each token the logits of the whole vocabulary.
    """
    positions, width = ceil(context_s * POSITIONS_PER_S), shape.width
    once = shape.layers * 2 * positions * width * width
    layer = 14 * width * width + 2 * positions * width + tokens * width
    return 2 * (once + tokens * (shape.layers * layer + shape.vocabulary * width))


def least_operations(notes: Iterable[tuple[float, int]], shape: Shape = BASE) -> int:
    """Operations for notes of (seconds, tokens of the text)."""
    return sum(
        encoder_operations(least_context_s(seconds), shape)
        + decoder_operations(least_context_s(seconds), tokens, shape)
        for seconds, tokens in notes
    )
