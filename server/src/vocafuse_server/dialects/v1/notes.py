"""v1's notes: list, get, delete and what is below them; one set of routes under two spellings."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from vocafuse_server.accounts.scopes import Scope
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.context import app_context
from vocafuse_server.dialects.idempotency import replayable
from vocafuse_server.dialects.routing import (
    AuthenticatedRoute,
    DirectRoute,
    RoomForNote,
    UploadPlace,
    UploadRoute,
    caller_of,
)
from vocafuse_server.dialects.v1.audio import AUDIO_PARAMETERS, AUDIO_RESPONSES, get_audio
from vocafuse_server.dialects.v1.edits import delete_note, restore_note, update_note
from vocafuse_server.dialects.v1.lists import TAG_FILTERS, list_notes
from vocafuse_server.dialects.v1.multipart import UPLOAD_FORM, upload_in_one_step
from vocafuse_server.dialects.v1.pages import page_model
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.schemas import (
    NoteBody,
    NoteDetail,
    note_detail,
    transcription_model,
)
from vocafuse_server.dialects.v1.transcriptions import (
    TRANSCRIPTION_RESPONSES,
    get_transcription,
    transcribe_note,
)
from vocafuse_server.dialects.v1.vocabulary import Vocabulary, vocabulary_of
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.reading import get_shown_note


def notes_router(words: Vocabulary) -> APIRouter:
    """The routes of notes in one spelling."""
    title = words.noun.capitalize()
    page = page_model(f"{title}Page", words.collection, NoteBody)
    transcription = transcription_model(f"{title}Transcription", words.foreign_key)
    router = APIRouter(prefix=words.path, route_class=AuthenticatedRoute, tags=[words.collection])
    router.add_api_route(
        "/{note_id}",
        get_note,
        route_class_override=DirectRoute,
        response_model=NoteDetail,
        responses=errors(401, 403, 404),
    )
    router.add_api_route(
        "", list_notes, response_model=page, responses=errors(401, 403), openapi_extra=TAG_FILTERS
    )
    router.add_api_route(
        "",
        upload_in_one_step,
        methods=["POST"],
        route_class_override=UploadRoute,
        status_code=201,
        response_model=NoteDetail,
        responses={**replayable(201), **errors(401, 403, 409, 413)},
        dependencies=[RoomForNote, UploadPlace],
        openapi_extra=UPLOAD_FORM,
    )
    router.add_api_route(
        "/{note_id}/transcription",
        get_transcription,
        response_model=transcription,
        responses={**TRANSCRIPTION_RESPONSES, **errors(401, 403, 404)},
    )
    router.add_api_route(
        "/{note_id}/transcribe",
        transcribe_note,
        methods=["POST"],
        status_code=202,
        response_model=NoteDetail,
        responses={**replayable(202), **errors(401, 403, 404, 409, 413)},
        dependencies=[RoomForNote],
    )
    router.add_api_route(
        "/{note_id}/audio",
        get_audio,
        response_class=StreamingResponse,
        responses={**AUDIO_RESPONSES, **errors(401, 403, 404, 416)},
        openapi_extra=AUDIO_PARAMETERS,
    )
    router.add_api_route(
        "/{note_id}", delete_note, methods=["DELETE"], status_code=204, responses=errors(401, 403, 404)
    )
    router.add_api_route(
        "/{note_id}",
        update_note,
        methods=["PATCH"],
        response_model=NoteDetail,
        responses=errors(401, 403, 404, 413),
    )
    router.add_api_route(
        "/{note_id}/restore",
        restore_note,
        methods=["POST"],
        response_model=NoteDetail,
        responses=errors(401, 403, 404),
    )
    return router


async def get_note(note_id: str, request: Request) -> Response:
    """Get one note."""
    context = app_context(request)
    owner = owner_of(caller_of(request, Scope.VOICENOTES_READ))
    note = await get_shown_note(context.database.rows, owner, parse_id(NoteId, note_id))
    body = note_detail(note, vocabulary_of(request), bucket=context.objects.bucket)
    return Response(body.model_dump_json(), media_type="application/json")
