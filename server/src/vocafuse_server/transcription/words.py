"""Makes words with times out of tokens and the decoder's alignment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vocafuse_server.transcription.engine import Word

FRAME_S = 0.02
"""The encoder's step: two mel frames."""
AHEAD_S = 0.05
"""The attention goes to a word before it begins: the median of 300 words beside a forced alignment."""


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """What the alignment of n text tokens tells.

    Attributes:
        starts_s: n + 1 times: when each token begins, and when the last one ends.
        probabilities: n probabilities.
    """

    starts_s: list[float]
    probabilities: list[float]


def read_alignment(
    alignments: Iterable[tuple[int, int]], probabilities: Sequence[float], *, tokens: int
) -> TokenTimes:
    """Turn the path of (token, frame) pairs into times: a token begins where the path first meets it.

    The path's last row belongs to the end-of-text token; it is where the last text token ends.
    """
    starts_s: list[float] = []
    frame = 0
    for token, frame in alignments:
        while len(starts_s) <= min(token, tokens):
            starts_s.append(frame * FRAME_S + (AHEAD_S if token else 0.0))
    starts_s.extend([(frame + 1) * FRAME_S + AHEAD_S] * (tokens + 1 - len(starts_s)))
    return TokenTimes(starts_s, [*probabilities[:tokens], *[0.0] * (tokens - len(probabilities))])


def group_words(pieces: Iterable[tuple[str, int]], *, spaces: bool) -> list[tuple[str, int]]:
    """Group pieces of text into words: (text without surrounding space, number of tokens).

    With spaces a word begins at a space. Without, each piece is a word, but Latin letters and digits stay
    together. Punctuation that stands alone belongs to the word before it.
    """
    words: list[tuple[str, int]] = []
    for text, tokens in pieces:
        if words and _continues(words[-1][0], text, spaces=spaces):
            words[-1] = (words[-1][0] + text, words[-1][1] + tokens)
        else:
            words.append((text, tokens))
    return [(text.strip(), tokens) for text, tokens in _attach_punctuation(words)]


def _continues(word: str, text: str, *, spaces: bool) -> bool:
    if text[:1].isspace():
        return False
    if spaces or not text:
        return True
    return word[-1:].isascii() and word[-1:].isalnum() and text[:1].isascii() and text[:1].isalnum()


def _attach_punctuation(words: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Join what has no letter or digit to the word before it, or to the one after it at the beginning."""
    result: list[tuple[str, int]] = []
    for text, tokens in words:
        joins = result and (not _has_letters(text) or not any(_has_letters(word) for word, _ in result))
        if joins:
            result[-1] = (result[-1][0] + text, result[-1][1] + tokens)
        else:
            result.append((text, tokens))
    return result


def _has_letters(text: str) -> bool:
    return any(character.isalnum() for character in text)


def time_words(
    words: Iterable[tuple[str, int]], times: TokenTimes, *, bounds: Sequence[tuple[float, float]]
) -> tuple[Word, ...]:
    """Give words their times.

    Args:
        words: (text, number of tokens), together all of the aligned tokens.
        times: The tokens' times.
        bounds: For each token, the beginning and end of the segment it is in.

    Returns:
        The words in order; none begins before the one before it ends, none leaves its segment.
    """
    result: list[Word] = []
    first, earliest_s = 0, 0.0
    for text, tokens in words:
        last = first + tokens
        segment_start_s, segment_end_s = bounds[first][0], bounds[last - 1][1]
        latest_s = max(earliest_s, segment_end_s)
        start_s = min(max(times.starts_s[first], segment_start_s, earliest_s), latest_s)
        end_s = min(max(times.starts_s[last], start_s), latest_s)
        probability = sum(times.probabilities[first:last]) / tokens
        if text:
            result.append(Word(text, round(start_s, 3), round(end_s, 3), min(1.0, probability)))
        first, earliest_s = last, end_s
    return tuple(result)


def leave_pauses(words: Iterable[Word], pauses: Sequence[tuple[float, float]]) -> tuple[Word, ...]:
    """Words whose times keep out of pauses: the attention goes over to the next word anywhere in them.

    Args:
        words: In order.
        pauses: From when to when nobody speaks, in order.
    """
    return tuple(_outside(word, pauses) for word in words)


def _outside(word: Word, pauses: Sequence[tuple[float, float]]) -> Word:
    """A word that reaches over a pause is where more of it is; one within the pause comes after it."""
    start_s, end_s = word.start_s, word.end_s
    for pause_start_s, pause_end_s in pauses:
        if end_s <= pause_start_s or start_s >= pause_end_s:
            continue
        if pause_start_s - start_s > max(0.0, end_s - pause_end_s):
            end_s = pause_start_s
        else:
            start_s = pause_end_s
            end_s = max(start_s, end_s)
    return replace(word, start_s=round(start_s, 3), end_s=round(end_s, 3))
