"""v1's upload in one step: a multipart form with the file and what is said about it."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any, cast

from fastapi import Request, Response
from starlette.datastructures import FormData, UploadFile

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import Language, RequestBody, ShortText
from vocafuse_server.dialects.forms import FORM_LIMITS, content_of, fields_of, file_of
from vocafuse_server.dialects.idempotency import OncePerKey, digest_of
from vocafuse_server.dialects.routing import NoteWriter
from vocafuse_server.dialects.upload_details import extension_of, sender_of, upload_source
from vocafuse_server.dialects.v1.schemas import NoteDetail, note_detail
from vocafuse_server.dialects.v1.vocabulary import Spelling
from vocafuse_server.notes import creating
from vocafuse_server.notes.intake import received_audio
from vocafuse_server.notes.tags import check_custom_tags

UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The audio file"},
                        "custom_tags": {"type": "string", "description": "A JSON object of strings, as text"},
                        "user_id": {"type": "string", "description": "Ignored under an access token"},
                        "language": {"type": "string", "description": "Default: detected"},
                    },
                }
            }
        },
    }
}


class UploadFields(RequestBody):
    """The text fields of the form."""

    custom_tags: str | None = None
    user_id: ShortText | None = None
    language: Language = None


async def upload_in_one_step(
    request: Request,
    session: Session,
    context: Context,
    caller: NoteWriter,
    words: Spelling,
    once: OncePerKey,
) -> Response:
    """Upload a recording in one request; its transcription starts by itself."""
    async with request.form(**FORM_LIMITS) as form:
        file, fields = file_of(form), fields_of(form, UploadFields)
        name = file.filename or "audio"
        new = creating.NewNote(
            tenant_id=caller.tenant_id,
            # A user named under a token is ignored: a token speaks for its own.
            identity=caller.identity or fields.user_id,
            original_filename=_checked_name(name),
            extension=extension_of(name),
            upload_source=upload_source(caller, request),
            language=fields.language,
            custom_tags=_tags(fields.custom_tags),
            **sender_of(request),
        )
        limit = context.settings.max_upload_bytes
        content = _FileContent(file)
        async with received_audio(context.objects, content, max_bytes=limit) as audio:

            async def create() -> NoteDetail:
                note = await creating.create_note(session, new, now=context.clock())
                note = await creating.finish_upload(
                    session, context.objects, context.queue, note_id=note.id, audio=audio, now=context.clock()
                )
                return note_detail(note, words, bucket=context.objects.bucket)

            return await once.answer(session, create, body_digest=_form_digest(form, content))


def _checked_name(name: str) -> str:
    if len(name) > 255 or not name.isprintable():
        raise InvalidField("file", "must have a file name of at most 255 printable characters")
    return name


def _tags(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        tags: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidField("custom_tags", "must be a JSON object, as text", value=text) from error
    if not isinstance(tags, dict):
        raise InvalidField("custom_tags", "must be a JSON object, as text", value=text)
    return check_custom_tags(cast("dict[str, object]", tags)) or None


class _FileContent:
    """Passes the bytes of a file on while it makes their digest."""

    def __init__(self, file: UploadFile) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in content_of(self._file):
            self._digest.update(chunk)
            yield chunk

    def digest(self) -> bytes:
        """SHA-256 of what has been passed on."""
        return self._digest.digest()


def _form_digest(form: FormData, content: _FileContent) -> bytes:
    """What tells this form from others. Not its raw bytes: clients choose a new boundary for each try."""
    texts = [
        (name, value if isinstance(value, str) else value.filename or "")
        for name, value in form.multi_items()
    ]
    parts = [part.encode("utf-8", "surrogatepass") for pair in sorted(texts) for part in pair]
    return digest_of([*parts, content.digest()])
