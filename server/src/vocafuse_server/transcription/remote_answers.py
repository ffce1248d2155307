"""What a transcription server answers, in our own terms.

Servers differ in what they tell. What a server leaves out becomes: of the segments, one segment over all of
the speech; of the words, none; of a word's probability, that of its segment's tokens; of that, 1.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel

from vocafuse_server.transcription.engine import (
    Segment,
    StageTimes,
    Transcription,
    UnknownLanguage,
    Word,
)
from vocafuse_server.transcription.languages import language_code
from vocafuse_server.transcription.vad import Window

PROVIDER = "openai"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _clean(text: str) -> str:
    """Without space around it, and without the one character that Postgres can't store."""
    return text.replace("\0", "").strip()


_Figure = Annotated[float | None, AfterValidator(_finite)]
_Text = Annotated[str, AfterValidator(_clean)]


class _Timed(BaseModel):
    start: _Figure = None
    end: _Figure = None


class AnsweredWord(_Timed):
    """A word of an answer; OpenAI's have neither punctuation nor `probability`."""

    word: _Text
    probability: _Figure = None


class AnsweredSegment(_Timed):
    """A segment of an answer; some servers put the words here."""

    text: _Text
    avg_logprob: _Figure = None
    no_speech_prob: _Figure = None
    words: list[AnsweredWord] | None = None


class Answer(BaseModel):
    """What servers answer to `response_format=verbose_json`, or just the text."""

    text: _Text
    language: str | None = None
    segments: list[AnsweredSegment] | None = None
    words: list[AnsweredWord] | None = None


def to_transcription(
    answer: Answer,
    speech: Sequence[Window],
    *,
    given: str | None,
    duration_s: float,
    model: str,
    times: StageTimes,
) -> Transcription:
    """An answer in our own terms; its text is empty if there is no speech."""
    segments = _segments(answer, speech, duration_s) if answer.text else ()
    words = _words(answer, segments, duration_s) if answer.text else ()
    language = given or _known_language(answer.language)
    return Transcription(
        text=answer.text,
        segments=segments,
        words=words,
        language=language,
        # Servers don't tell how sure they are.
        language_probability=1.0 if language else 0.0,
        confidence=_confidence(words, segments),
        duration_s=duration_s,
        provider=PROVIDER,
        model=model,
        times=times,
        second_passes=0,
    )


def _segments(answer: Answer, speech: Sequence[Window], duration_s: float) -> tuple[Segment, ...]:
    spoken = [segment for segment in answer.segments or () if segment.text]
    if not spoken:
        first, last = speech[0], speech[-1]
        return (Segment(answer.text, first.start_s + first.speech_s[0], last.start_s + last.speech_s[1]),)
    return tuple(
        Segment(segment.text, start_s, end_s, segment.avg_logprob, segment.no_speech_prob)
        for segment, (start_s, end_s) in zip(spoken, _in_order(spoken, duration_s), strict=True)
    )


def _words(answer: Answer, segments: Sequence[Segment], duration_s: float) -> tuple[Word, ...]:
    inside = [word for segment in answer.segments or () for word in segment.words or ()]
    spoken = [word for word in answer.words or inside if word.word]
    ends = [segment.end_s for segment in segments]
    words: list[Word] = []
    for word, (start_s, end_s) in zip(spoken, _in_order(spoken, duration_s), strict=True):
        probability = word.probability
        if probability is None:
            index = bisect_left(ends, (start_s + end_s) / 2)
            probability = _probability(segments[min(index, len(segments) - 1)])
        words.append(Word(word.word, start_s, end_s, min(max(probability, 0.0), 1.0)))
    return tuple(words)


def _in_order(pieces: Iterable[_Timed], duration_s: float) -> list[tuple[float, float]]:
    """Start and end of each piece, within the note and not before the end of the one before.

    Whisper hears 30 s and so runs over a short note's end; a time that is missing is a neighbour's.
    """
    places: list[tuple[float, float]] = []
    earliest_s = 0.0
    for piece in pieces:
        start_s = min(max(earliest_s, earliest_s if piece.start is None else piece.start), duration_s)
        end_s = min(max(start_s, start_s if piece.end is None else piece.end), duration_s)
        places.append((start_s, end_s))
        earliest_s = end_s
    return places


def _confidence(words: Sequence[Word], segments: Sequence[Segment]) -> float:
    """The words' mean probability; without words the segments', each as heavy as its text is long."""
    if words:
        return sum(word.probability for word in words) / len(words)
    if not segments:
        return 0.0
    lengths = [len(segment.text) for segment in segments]
    weighed = (_probability(segment) * length for segment, length in zip(segments, lengths, strict=True))
    return sum(weighed) / sum(lengths)


def _probability(segment: Segment) -> float:
    """Of the segment's tokens, on the geometric mean; 1 where the server doesn't tell."""
    return 1.0 if segment.avg_logprob is None else math.exp(min(segment.avg_logprob, 0.0))


def _known_language(name: str | None) -> str | None:
    try:
        return None if name is None else language_code(name)
    except UnknownLanguage:
        return None
