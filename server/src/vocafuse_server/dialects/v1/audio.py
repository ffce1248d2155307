"""v1's audio download, whole or a part of it."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import StreamingResponse

from vocafuse_server.core.errors import ApiError, NotFound
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.core.logging import get_logger
from vocafuse_server.dialects.context import Context
from vocafuse_server.dialects.media_types import content_type
from vocafuse_server.dialects.routing import NoteReader
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.models import ShownNote
from vocafuse_server.notes.reading import get_shown_note

log = get_logger(__name__)

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_AUDIO_HEADERS = {
    "Accept-Ranges": {"description": "`bytes`", "schema": {"type": "string"}},
    "ETag": {"description": "Stays the same: a note's audio never changes", "schema": {"type": "string"}},
}
_CONTENT_RANGE = {
    "description": "Which part of how many bytes, like `bytes 0-99/1000`",
    "schema": {"type": "string"},
}
AUDIO_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The whole file", "content": {"audio/*": {}}, "headers": _AUDIO_HEADERS},
    206: {
        "description": "The part that was asked for",
        "content": {"audio/*": {}},
        "headers": {**_AUDIO_HEADERS, "Content-Range": _CONTENT_RANGE},
    },
}
AUDIO_PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Range",
            "in": "header",
            "required": False,
            "description": "One part of the file, like `bytes=0-99`; what has another form is ignored",
            "schema": {"type": "string"},
        },
        {
            "name": "If-Range",
            "in": "header",
            "required": False,
            "description": "An ETag: with another one the Range is ignored",
            "schema": {"type": "string"},
        },
    ]
}


class RangeNotSatisfiable(ApiError):
    status: ClassVar[int] = 416
    code: ClassVar[int] = 2003
    name: ClassVar[str] = "INVALID_FIELD_VALUE"
    type: ClassVar[str] = "ValidationError"

    def __init__(self, size: int) -> None:
        reason = f"must begin within the file's {size} bytes"
        super().__init__(f"Range {reason}", details={"field": "Range", "reason": reason})


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` to before `end`."""

    start: int
    end: int


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The part of a file of `size` bytes that a Range header asks for; None for the whole.

    As RFC 9110, section 14.2, allows, a header of another form (several ranges, too) is ignored.

    Raises:
        RangeNotSatisfiable: It asks for a part that isn't there.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise RangeNotSatisfiable(size)
    return ByteRange(start, end)


async def get_audio(
    note_id: str, request: Request, context: Context, caller: NoteReader
) -> StreamingResponse:
    """Download a note's audio as it was uploaded; a Range header gets a part of it."""
    # No session: it would hold a connection while the store is asked.
    note = await get_shown_note(context.database.rows, owner_of(caller), parse_id(NoteId, note_id))
    size = note.file_size_bytes
    if size is None:
        raise NotFound("The audio of this note has not arrived yet.")
    etag = f'"{note.id}"'  # A note's audio never changes.
    if_range = request.headers.get("if-range", etag)
    part = parse_range(request.headers.get("range"), size) if if_range == etag else None
    sent = part or ByteRange(0, size)
    try:
        chunks = await context.objects.open(note.audio_key, start=sent.start, end=sent.end)
    except FileNotFoundError as error:  # Deleted a moment ago; else it is lost, and the operator should know.
        log.warning("a note's audio is not in the store", note_id=str(note.id), key=note.audio_key)
        raise NotFound("The audio of this note is not there any more.") from error
    headers = {**_headers(note), "ETag": etag, "Content-Length": str(sent.end - sent.start)}
    if part is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{size}"
    return StreamingResponse(
        chunks,
        status_code=200 if part is None else 206,
        media_type=content_type(note.audio_format),
        headers=headers,
    )


def _headers(note: ShownNote) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        # What strangers uploaded is offered for saving, never for showing.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(note.original_filename, safe='')}",
        "Cache-Control": "private, no-cache",
    }
