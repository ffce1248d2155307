"""v1's transcriptions: read in four forms, and made anew."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Response

from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.context import Context, ReadingSession, Session
from vocafuse_server.dialects.idempotency import OncePerKey
from vocafuse_server.dialects.routing import NoteReader, NoteWriter
from vocafuse_server.dialects.v1.schemas import (
    NoteDetail,
    TranscribeRequest,
    note_detail,
    transcription_body,
)
from vocafuse_server.dialects.v1.vocabulary import Spelling
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.markdown import Heading, render_markdown
from vocafuse_server.notes.models import Note, TranscriptionRow
from vocafuse_server.notes.reading import get_newest_transcription
from vocafuse_server.notes.runs import transcribe_again
from vocafuse_server.notes.subtitles import SRT, VTT, Span, render_subtitles
from vocafuse_server.transcription.languages import has_spaces, language_name


class TranscriptionFormat(StrEnum):
    JSON = "json"
    TEXT = "text"
    SRT = "srt"
    VTT = "vtt"
    MARKDOWN = "markdown"


_PLAIN = "text/plain; charset=utf-8"
_MARKDOWN = "text/markdown"
_SUBTITLES = {
    TranscriptionFormat.SRT: ("application/x-subrip", SRT),
    TranscriptionFormat.VTT: ("text/vtt", VTT),
}
TRANSCRIPTION_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The transcription, in the form that was asked for",
        "content": {
            media_type: {"schema": {"type": "string"}}
            for media_type in (
                "text/plain",
                _MARKDOWN,
                *(media_type for media_type, _ in _SUBTITLES.values()),
            )
        },
    }
}


async def get_transcription(
    note_id: str,
    session: ReadingSession,
    caller: NoteReader,
    words: Spelling,
    format: Annotated[TranscriptionFormat, Query()] = TranscriptionFormat.JSON,
) -> dict[str, object] | Response:
    """Get the transcription of a note; 404 while there is none yet and when there will be none."""
    note, row = await get_newest_transcription(session, owner_of(caller), parse_id(NoteId, note_id))
    if format is TranscriptionFormat.JSON:
        return transcription_body(row, words)
    if format is TranscriptionFormat.TEXT:
        return Response(row.text, headers={"Content-Type": _PLAIN})
    if format is TranscriptionFormat.MARKDOWN:
        space = " " if has_spaces(row.language or "en") else ""
        markdown = render_markdown(_heading(note, row), _timed_text(row)[0], space=space)
        return Response(markdown, headers={"Content-Type": f"{_MARKDOWN}; charset=utf-8"})
    media_type, style = _SUBTITLES[format]
    subtitles = render_subtitles(*_timed_text(row), style)
    return Response(subtitles, headers={"Content-Type": media_type})


async def transcribe_note(
    note_id: str,
    session: Session,
    context: Context,
    caller: NoteWriter,
    words: Spelling,
    once: OncePerKey,
    body: TranscribeRequest | None = None,
) -> Response:
    """Transcribe a note again: after a failure, or in another language. The text that there is stays
    until the new one is done."""

    async def begin() -> NoteDetail:
        note = await transcribe_again(
            session,
            context.queue,
            owner_of(caller),
            parse_id(NoteId, note_id),
            language=body.language if body else None,
            now=context.clock(),
        )
        return note_detail(note, words, bucket=context.objects.bucket)

    return await once.answer(session, begin, status=202)


def _heading(note: Note, row: TranscriptionRow) -> Heading:
    return Heading(
        title=note.title,
        created_at=note.created_at,
        duration_s=note.duration_seconds,
        language=language_name(row.language) if row.language else None,
        tags=[*note.tags, *(f"{key}: {value}" for key, value in (note.custom_tags or {}).items())],
    )


def _timed_text(row: TranscriptionRow) -> tuple[list[Span], list[Span]]:
    """The segments and the words of a transcription."""
    segments = [Span(one["text"], one["start"], one["end"]) for one in row.segments]
    return segments, [Span(one["word"], one["start_time"], one["end_time"]) for one in row.words]
