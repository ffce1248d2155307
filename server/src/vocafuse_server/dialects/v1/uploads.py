"""v1's uploads in two steps: ask for a signed URL, then PUT the bytes there."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import ClientDisconnect

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.errors import InvalidToken, TokenExpired
from vocafuse_server.core.errors import PayloadTooLarge
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.authentication import session_token
from vocafuse_server.dialects.context import AppContext, Context, Session
from vocafuse_server.dialects.idempotency import OncePerKey, replayable
from vocafuse_server.dialects.routing import (
    AuthenticatedRoute,
    NoteWriter,
    RoomForNote,
    check_declared_length,
)
from vocafuse_server.dialects.upload_details import extension_of, public_base, sender_of, upload_source
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.schemas import UploadRequest, UploadResponse
from vocafuse_server.dialects.v1.vocabulary import VOICENOTES
from vocafuse_server.notes import creating, direct_uploads
from vocafuse_server.notes.errors import UploadInterrupted
from vocafuse_server.notes.intake import received_audio
from vocafuse_server.notes.models import Note
from vocafuse_server.notes.tags import check_custom_tags
from vocafuse_server.storage.upload_urls import UrlCheck

router = APIRouter(route_class=AuthenticatedRoute, tags=["uploads"])
# The signature in the URL is the credential here.
signed_router = APIRouter(tags=["uploads"])


@router.post(
    "/v1/upload",
    status_code=201,
    response_model=UploadResponse,
    responses={**replayable(201), **errors(401, 403, 409, 413)},
    dependencies=[RoomForNote],
)
async def create_upload(
    body: UploadRequest,
    request: Request,
    session: Session,
    context: Context,
    caller: NoteWriter,
    once: OncePerKey,
) -> Response:
    """Announce a recording, and get the signed URL to PUT its bytes to."""
    if body.file_size is not None and body.file_size > context.settings.max_upload_bytes:
        raise PayloadTooLarge(context.settings.max_upload_bytes)
    new = _new_note(body, request, caller)

    async def create() -> UploadResponse:
        note = await creating.create_note(session, new, now=context.clock())
        return _upload_response(note, request, context, await _put_url(session, note, request, context))

    return await once.answer(session, create)


async def _put_url(session: AsyncSession, note: Note, request: Request, context: AppContext) -> str:
    """Where the bytes go: here, or past this server into the store, where a job then looks for them.

    The console's page sends them here, because its policy lets it talk to nobody else.
    """
    lifetime = timedelta(seconds=context.settings.upload_url_seconds)
    if context.settings.uploads == "direct" and session_token(request) is None:
        await direct_uploads.look_for(session, context.queue, note.id, now=context.clock(), lifetime=lifetime)
        return await context.objects.upload_url(direct_uploads.incoming_key(note.id), lifetime=lifetime)
    query = context.upload_url_signer.query(note.id, now=context.clock(), lifetime=lifetime)
    return f"{public_base(request, context)}/v1/uploads/{note.id}?{query}"


def _upload_response(note: Note, request: Request, context: AppContext, presigned_url: str) -> UploadResponse:
    return UploadResponse(
        voicenote_id=str(note.id),
        recording_id=str(note.id),
        upload_type="single",
        presigned_url=presigned_url,
        s3_key=note.audio_key,
        audio_url=f"{public_base(request, context)}{VOICENOTES.uri(note.id)}/audio",
        expires_in=context.settings.upload_url_seconds,
        processing_strategy="server",
        client_processed=False,
        message="PUT the audio to presigned_url; its transcription starts by itself.",
    )


@signed_router.put(
    "/v1/uploads/{note_id}",
    status_code=200,
    response_class=Response,
    responses=errors(401, 404, 409, 413),
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def put_audio(
    note_id: str,
    request: Request,
    context: Context,
    expires: Annotated[str, Query()] = "",
    signature: Annotated[str, Query()] = "",
) -> Response:
    """Take in the bytes of a recording; its transcription starts when they have arrived whole."""
    known_id = _check_signature(context, note_id, expires=expires, signature=signature)
    context.disks.check()
    async with context.database.transaction() as session:
        tenant_id = await creating.find_out_who_uploads(session, known_id)
    await context.backlog.check(tenant_id)
    limit = context.settings.max_upload_bytes
    check_declared_length(request, limit)
    try:
        with context.upload_places.taken(tenant_id):
            await _take_in(request, context, known_id, max_bytes=limit)
    except ClientDisconnect as error:
        raise UploadInterrupted from error
    return Response(status_code=200)


async def _take_in(request: Request, context: AppContext, note_id: NoteId, *, max_bytes: int) -> None:
    async with (
        received_audio(context.objects, request.stream(), max_bytes=max_bytes) as audio,
        context.database.transaction() as session,
    ):
        await creating.finish_upload(
            session, context.objects, context.queue, note_id=note_id, audio=audio, now=context.clock()
        )


def _new_note(body: UploadRequest, request: Request, caller: Caller) -> creating.NewNote:
    return creating.NewNote(
        tenant_id=caller.tenant_id,
        # A user named under a token is ignored: a token speaks for its own.
        identity=caller.identity or body.user_id,
        original_filename=body.file_name,
        extension=extension_of(body.file_name, body.audio_format),
        upload_source=upload_source(caller, request),
        language=body.language,
        custom_tags=check_custom_tags(body.custom_tags) if body.custom_tags else None,
        sdk_metadata=body.sdk_metadata,
        declared_duration_s=body.duration_seconds,
        **sender_of(request),
    )


def _check_signature(context: AppContext, note_id: str, *, expires: str, signature: str) -> NoteId:
    known_id = parse_id(NoteId, note_id)
    if known_id is None:
        raise InvalidToken("The upload URL is not one of ours.")
    checked = context.upload_url_signer.check(
        known_id, expires=expires, signature=signature, now=context.clock()
    )
    if checked is UrlCheck.EXPIRED:
        raise TokenExpired("The upload URL has expired. Ask for a new one.")
    if checked is UrlCheck.FORGED:
        raise InvalidToken("The upload URL is not one of ours.")
    return known_id
