"""v2's voice notes."""

from typing import ClassVar

from fastapi import APIRouter, Request, Response

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.core.errors import InvalidRequest
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.context import Context, ReadingSession, Session
from vocafuse_server.dialects.idempotency import OncePerKey, replayable
from vocafuse_server.dialects.routing import AuthenticatedRoute, NoteReader, NoteWriter, RoomForNote
from vocafuse_server.dialects.upload_details import PublicBase, extension_of, sender_of, upload_source
from vocafuse_server.dialects.v2.errors import PATH
from vocafuse_server.dialects.v2.fields import parse_workspace_id
from vocafuse_server.dialects.v2.lists import list_voice_notes
from vocafuse_server.dialects.v2.responses import errors
from vocafuse_server.dialects.v2.schemas import (
    STATUS_NAMES,
    CreateRequest,
    MessageAnswer,
    QueuedAnswer,
    TranscriptAnswer,
    UpdateRequest,
    VoiceNoteAnswer,
    VoiceNoteDetailAnswer,
    VoiceNotesAnswer,
    segments,
    voice_note,
    voice_note_with_transcript,
)
from vocafuse_server.dialects.v2.sources import audio_of, file_name_in, find_upload
from vocafuse_server.notes import creating, deleting, editing, reading, runs
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.models import Note, UploadSource


class V2Route(AuthenticatedRoute):
    """Takes a key pair as a bearer token too."""

    pair_as_token: ClassVar[bool] = True


router = APIRouter(prefix=f"{PATH}/voice-notes", route_class=V2Route, tags=["v2 voice notes"])
router.add_api_route("", list_voice_notes, response_model=VoiceNotesAnswer, responses=errors(401, 403))


@router.post(
    "",
    status_code=201,
    response_model=VoiceNoteAnswer,
    responses={**replayable(201), **errors(401, 403, 409, 413)},
)
async def create_voice_note(
    body: CreateRequest,
    request: Request,
    session: Session,
    context: Context,
    caller: NoteWriter,
    base_url: PublicBase,
    once: OncePerKey,
) -> Response:
    """Create a voice note; its transcription is asked for separately."""
    upload = await find_upload(context, owner_of(caller), body.audioUrl, base_url=base_url)
    new = _new_note(body, request, caller, upload)
    async with audio_of(context, upload) as audio:

        async def create() -> VoiceNoteAnswer:
            note = await creating.create_with_audio(
                session, context.objects, context.queue, new, audio, now=context.clock()
            )
            return VoiceNoteAnswer(voiceNote=voice_note(note, base_url=base_url))

        return await once.answer(session, create)


@router.get("/{note_id}", response_model=VoiceNoteDetailAnswer, responses=errors(401, 403, 404))
async def get_voice_note(
    note_id: str, session: ReadingSession, caller: NoteReader, base_url: PublicBase
) -> VoiceNoteDetailAnswer:
    """Get one voice note, with its transcript once it is completed."""
    note = await reading.get_note(session, owner_of(caller), parse_id(NoteId, note_id))
    row = await reading.find_settled_transcription(session, note)
    return VoiceNoteDetailAnswer(voiceNote=voice_note_with_transcript(note, row, base_url=base_url))


@router.put("/{note_id}", response_model=VoiceNoteAnswer, responses=errors(401, 403, 404, 413))
async def update_voice_note(
    note_id: str,
    body: UpdateRequest,
    session: Session,
    context: Context,
    caller: NoteWriter,
    base_url: PublicBase,
) -> VoiceNoteAnswer:
    """Replace a voice note's title, tags or metadata."""
    if not body.model_fields_set:
        raise InvalidRequest("There is nothing to change: title, tags or metadata must be given.")
    changes = editing.NoteChanges(**body.model_dump(exclude_unset=True))
    note = await editing.update_note(
        session, owner_of(caller), parse_id(NoteId, note_id), changes, now=context.clock()
    )
    return VoiceNoteAnswer(voiceNote=voice_note(note, base_url=base_url))


@router.delete("/{note_id}", response_model=MessageAnswer, responses=errors(401, 403, 404))
async def delete_voice_note(
    note_id: str, session: Session, context: Context, caller: NoteWriter
) -> MessageAnswer:
    """Delete a voice note: nobody finds it any more; its data is kept for as long as the settings say."""
    await deleting.put_away(
        session, context.queue, owner_of(caller), parse_id(NoteId, note_id), now=context.clock()
    )
    return MessageAnswer(message="Voice note deleted")


@router.post(
    "/{note_id}/transcribe",
    response_model=QueuedAnswer,
    responses=errors(401, 403, 404, 409, 413),
    dependencies=[RoomForNote],
)
async def transcribe_voice_note(
    note_id: str, session: Session, context: Context, caller: NoteWriter
) -> QueuedAnswer:
    """Ask for a voice note's transcription, or for a new one."""
    note = await runs.transcribe_again(
        session, context.queue, owner_of(caller), parse_id(NoteId, note_id), now=context.clock()
    )
    return QueuedAnswer(
        message="Transcription queued", status=STATUS_NAMES[note.status], voiceNoteId=str(note.id)
    )


@router.get("/{note_id}/transcript", response_model=TranscriptAnswer, responses=errors(401, 403, 404))
async def get_transcript(note_id: str, session: ReadingSession, caller: NoteReader) -> TranscriptAnswer:
    """Get a voice note's transcript; 404 unless it is completed."""
    note, row = await reading.get_settled_transcription(session, owner_of(caller), parse_id(NoteId, note_id))
    return TranscriptAnswer(
        voiceNoteId=str(note.id),
        title=note.title,
        transcript=row.text,
        segments=segments(row),
        status=STATUS_NAMES[note.status],
    )


def _new_note(body: CreateRequest, request: Request, caller: Caller, upload: Note | None) -> creating.NewNote:
    file_name = file_name_in(body.audioUrl) if upload is None else upload.original_filename
    return creating.NewNote(
        tenant_id=caller.tenant_id,
        identity=caller.identity,
        original_filename=file_name,
        extension=extension_of(file_name),
        upload_source=UploadSource.URL if upload is None else upload_source(caller, request),
        **sender_of(request),
        title=body.title or None,
        source_url=body.audioUrl,
        mime_type=body.mimeType,
        declared_duration_s=body.duration,
        tags=body.tags,
        metadata=body.metadata,
        workspace_id=parse_workspace_id(body.workspaceId or None),
    )
