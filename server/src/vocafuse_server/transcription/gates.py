"""Signs that tell a bad output from itself alone.

Measured on 886 outputs, 7 of them much worse than they should be: compression, repetition and speed each
found all seven and flagged none of the good ones. A text written twice, the second time in other words, has
none of these signs, but its second time is said to begin when the speech is over. That a text is only said
to end after the audio is no sign: of 36 such texts 5 were loops, which the other signs find, and the full
context did no better with the rest and made "Thank you." or "Bye!" of 5. The mean log probability is no sign
either: a decoder that repeats itself is sure of it.

Whether anybody speaks at all is asked of the voice detector first, then of the model. Of 257 notes with
speech (clean, at 3 and -3 dB, three times in a row) the detector is at least 0.93 sure at its surest moment,
or hears nothing; of 100 sounds of animals, machines, instruments and signals it is at most 0.84 sure. So
where it doubts, any doubt of the model's silences the note. Where it doesn't, the model has to be sure of the
opposite on its whole context: on a reduced one it takes sentences said three times, and some that were cut
off, for silence.

In other languages than English, half of the notes lie below a mean log probability of -0.36, and nearly all
the mistakes that a more careful reading mends.
"""

import zlib
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from vocafuse_server.transcription.languages import ENGLISH

MAX_COMPRESSION_RATIO = 2.0
MAX_CHARACTERS_PER_SECOND = 25.0
MAX_PAST_END_S = 1.0
MAX_UNTOLD_S = 1.0
_EDGE_S = 0.3
CLEAR_VOICE = 0.9
# The model's probability that nobody speaks: where the detector doubts; where it doesn't, on a reduced
# context and on the whole.
_DOUBTED, _UNHEARD, _SURE = 0.25, 0.5, 0.8
_DOUBTED_LOGPROB = -1.0
_UNSURE_LOGPROB = -0.45

_RUN_WORDS = 3
# A script without spaces has about two characters to a word; six of them three times is no ordinary sentence.
_RUN_CHARACTERS = 6
_RUN_TIMES = 3
_SHORTEST_S = 1.0


class Sign(StrEnum):
    """Why an output is suspicious."""

    COMPRESSION = "compression"
    REPETITION = "repetition"
    TOO_FAST = "too_fast"
    LIMIT = "limit"
    PAST_END = "past_end"
    UNTOLD = "untold"
    UNHEARD = "unheard"
    UNSURE = "unsure"


_OF_REPETITION = {Sign.COMPRESSION, Sign.REPETITION}


def find_sign(
    text: str,
    *,
    duration_s: float,
    speech_end_s: float,
    begins_s: float,
    ends_s: float,
    tokens: int,
    max_tokens: int,
    is_reduced: bool = True,
    spaces: bool = True,
) -> Sign | None:
    """The first sign of a bad output, or None if the output looks sound.

    Args:
        text: The output.
        duration_s: Length of the audio it is meant to render.
        speech_end_s: When the voice detector hears somebody last.
        begins_s: When the output says that its last stretch of text begins, and
        ends_s: when it says that the last thing ends; 0 if it doesn't say.
        tokens: How many tokens were generated, and
        max_tokens: how many could be: an output of that many did not come to an end by itself.
        is_reduced: Whether the model could be given more context, which may tell more.
        spaces: Whether the language puts spaces between words.
    """
    if tokens >= max_tokens:
        return Sign.LIMIT
    if ends_s > duration_s + MAX_PAST_END_S and begins_s > speech_end_s - _EDGE_S:
        return Sign.PAST_END
    if len(text) / max(duration_s, _SHORTEST_S) > MAX_CHARACTERS_PER_SECOND:
        return Sign.TOO_FAST
    if compression_ratio(text) > MAX_COMPRESSION_RATIO:
        return Sign.COMPRESSION
    if repeats(text, spaces=spaces) >= _RUN_TIMES:
        return Sign.REPETITION
    if is_reduced and text and 0 < ends_s < speech_end_s - MAX_UNTOLD_S:
        return Sign.UNTOLD
    return None


def compression_ratio(text: str) -> float:
    """How many times smaller zlib makes the text; ordinary notes stay below 1.6, loops know no bound."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def repeats(text: str, *, spaces: bool = True) -> int:
    """How often the most frequent run of three words (or six characters, without spaces) occurs."""
    folded = text.casefold()
    units: Sequence[str]
    if spaces:
        units, size = [word.strip(".,;:!?…") for word in folded.split()], _RUN_WORDS
    else:
        units, size = [character for character in folded if character.isalnum()], _RUN_CHARACTERS
    runs = Counter(tuple(units[start : start + size]) for start in range(len(units) - size + 1))
    return max(runs.values(), default=0)


def is_no_speech(no_speech_prob: float, *, avg_logprob: float, voice: float) -> bool:
    """Whether nobody speaks.

    Args:
        no_speech_prob: The model's probability for that.
        avg_logprob: How sure it was of its words.
        voice: The voice detector's highest probability that somebody does.
    """
    if voice < CLEAR_VOICE:
        return no_speech_prob > _DOUBTED or avg_logprob < _DOUBTED_LOGPROB
    return no_speech_prob > _SURE


def is_unheard(no_speech_prob: float, *, voice: float) -> bool:
    """Whether the model, on a reduced context, hears nobody where the detector is sure of a voice."""
    return voice >= CLEAR_VOICE and no_speech_prob > _UNHEARD


def is_unsure(sign: Sign | None, *, language: str, avg_logprob: float) -> bool:
    """Whether a first output in another language than English had better be read again with more care.

    Args:
        sign: Of a bad output.
        language: Of the output.
        avg_logprob: How sure the decoder was of its words. English gains nothing, however unsure it is.
    """
    return language != ENGLISH and (sign is not None or avg_logprob < _UNSURE_LOGPROB)


def is_confirmed(sign: Sign, text: str, before: str) -> bool:
    """Whether a repetition is really one: a decoder that loops does not do it alike twice."""
    return sign in _OF_REPETITION and _letters(text) == _letters(before)


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())
