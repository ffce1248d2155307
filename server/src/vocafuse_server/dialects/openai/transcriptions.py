"""OpenAI's transcriptions: a file comes in, and its text is the answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.scopes import Scope
from vocafuse_server.dialects.context import AppContext, Context
from vocafuse_server.dialects.forms import FORM_LIMITS, FormLimits, content_of, fields_of, file_of
from vocafuse_server.dialects.openai.formats import STREAM, answer, check_stream, needs_words
from vocafuse_server.dialects.openai.responses import errors
from vocafuse_server.dialects.openai.routes import OpenAiRoute
from vocafuse_server.dialects.openai.schemas import (
    OpenAiTranscription,
    OpenAiVerboseTranscription,
    TranscriptionFields,
)
from vocafuse_server.dialects.routing import NoteWriter, UploadRoute
from vocafuse_server.dictation.errors import Unheard
from vocafuse_server.dictation.waiting import Waiting
from vocafuse_server.notes.intake import ArrivedAudio, received_audio
from vocafuse_server.transcription.engine import TranscribeOptions


class _TranscriptionRoute(OpenAiRoute, UploadRoute):
    """Takes a file."""


router = APIRouter(route_class=_TranscriptionRoute, tags=["OpenAI's API"])

# Lists are a field for each of their items, also those that are for other models.
_LIMITS: FormLimits = {**FORM_LIMITS, "max_fields": 200}
_TEXT = {"schema": {"type": "string"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": OpenAiTranscription | OpenAiVerboseTranscription,
        "description": "The transcription, in the form that was asked for",
        "content": {"text/plain": _TEXT, STREAM: _TEXT},
    }
}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "model"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "The audio file"},
                        "model": {
                            "type": "string",
                            "minLength": 1,
                            "description": "Any name: the server has one model",
                        },
                        "language": {"type": "string", "description": "Default: detected"},
                        "prompt": {"type": "string", "description": "Taken, and not used"},
                        "response_format": {
                            "type": "string",
                            "enum": ["json", "text", "srt", "verbose_json", "vtt"],
                            "default": "json",
                        },
                        "temperature": {
                            "type": "number",
                            "minimum": 0,
                            "maximum": 1,
                            "description": "Taken, and not used: the engine chooses",
                        },
                        "stream": {
                            "type": "boolean",
                            "description": "The text as server-sent events: one with all of it, and the end",
                        },
                        "timestamp_granularities[]": {
                            "type": "array",
                            "items": {"type": "string", "enum": ["word", "segment"]},
                            "description": "Which times `verbose_json` holds; default: those of segments",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/v1/audio/transcriptions",
    response_class=Response,
    responses={**_RESPONSES, **errors(401, 403, 413)},
    openapi_extra=_FORM,
)
async def create_transcription(request: Request, context: Context, caller: NoteWriter) -> Response:
    """Transcribe a file and answer with its text; nothing is kept of either."""
    caller.require(Scope.VOICENOTES_READ)
    with context.dictations.place(caller.tenant_id) as waiting:
        async with _received(request, context, caller) as (asked, audio), _noticing_its_end(request, waiting):
            options = TranscribeOptions(language=asked.language, words=needs_words(asked))
            try:
                found = await context.dictations.transcribe(caller.tenant_id, audio.key, options, waiting)
            except Unheard as error:
                raise ClientDisconnect from error
    return answer(asked, found)


@asynccontextmanager
async def _received(
    request: Request, context: AppContext, caller: Caller
) -> AsyncGenerator[tuple[TranscriptionFields, ArrivedAudio]]:
    """The form's fields, and its file in the store; the file is removed if the block fails."""
    limit = context.settings.max_upload_bytes
    async with AsyncExitStack() as stack:
        with context.upload_places.taken(caller.tenant_id):
            async with request.form(**_LIMITS) as form:
                file, asked = file_of(form), fields_of(form, TranscriptionFields)
                check_stream(asked)
                audio = await stack.enter_async_context(
                    received_audio(context.objects, content_of(file), max_bytes=limit)
                )
        yield asked, audio


@asynccontextmanager
async def _noticing_its_end(request: Request, waiting: Waiting) -> AsyncGenerator[None]:
    """While the block runs, whoever waits gives up when the client goes away."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        waiting.give_up()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
