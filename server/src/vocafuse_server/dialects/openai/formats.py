"""A transcription in the form that was asked for."""

import json
from collections.abc import Callable

from fastapi import Response

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.dialects.openai.schemas import (
    Granularity,
    ResponseFormat,
    TranscriptionFields,
    transcription,
    verbose_transcription,
)
from vocafuse_server.notes.subtitles import SRT, VTT, Span, SubtitleStyle, render_subtitles
from vocafuse_server.transcription.engine import Transcription

_JSON = "application/json"
_PLAIN = "text/plain; charset=utf-8"
STREAM = "text/event-stream"
_WITH_WORDS = frozenset({ResponseFormat.SRT, ResponseFormat.VTT})
_SHOWN_AS = {Granularity.SEGMENT: "segments", Granularity.WORD: "words"}


def check_stream(asked: TranscriptionFields) -> None:
    """Raises if a stream is asked for in a format that has none."""
    if asked.stream and asked.response_format is not ResponseFormat.JSON:
        raise InvalidField("stream", "goes with the response_format json only")


def needs_words(asked: TranscriptionFields) -> bool:
    """Whether the times of words are wanted, which take a tenth of the work."""
    if asked.response_format is ResponseFormat.VERBOSE_JSON:
        return Granularity.WORD in asked.granularities
    return asked.response_format in _WITH_WORDS


def answer(asked: TranscriptionFields, found: Transcription) -> Response:
    """The response."""
    if asked.stream:
        return Response(_events(found), media_type=STREAM, headers={"Cache-Control": "no-store"})
    body = _BODIES[asked.response_format](asked, found)
    is_json = asked.response_format in (ResponseFormat.JSON, ResponseFormat.VERBOSE_JSON)
    return Response(body, headers={"Content-Type": _JSON if is_json else _PLAIN})


def _json(asked: TranscriptionFields, found: Transcription) -> str:
    return transcription(found).model_dump_json()


def _text(asked: TranscriptionFields, found: Transcription) -> str:
    return f"{found.text}\n"


def _verbose_json(asked: TranscriptionFields, found: Transcription) -> str:
    left_out = {name for granularity, name in _SHOWN_AS.items() if granularity not in asked.granularities}
    body = verbose_transcription(found, temperature=asked.temperature)
    return body.model_dump_json(exclude=left_out)


def _subtitles(style: SubtitleStyle) -> Callable[[TranscriptionFields, Transcription], str]:
    def render(asked: TranscriptionFields, found: Transcription) -> str:
        segments = [Span(one.text, one.start_s, one.end_s) for one in found.segments]
        words = [Span(one.text, one.start_s, one.end_s) for one in found.words]
        return render_subtitles(segments, words, style)

    return render


_BODIES: dict[ResponseFormat, Callable[[TranscriptionFields, Transcription], str]] = {
    ResponseFormat.JSON: _json,
    ResponseFormat.TEXT: _text,
    ResponseFormat.VERBOSE_JSON: _verbose_json,
    ResponseFormat.SRT: _subtitles(SRT),
    ResponseFormat.VTT: _subtitles(VTT),
}


def _events(found: Transcription) -> str:
    """The text as a stream of one piece: it is known whole or not at all."""
    delta = {"type": "transcript.text.delta", "delta": found.text}
    done = {"type": "transcript.text.done", "text": found.text}
    return "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in (delta, done))
