"""Making notes, and giving them their audio once it has arrived; each function is one transaction's worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.usage import count_note
from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.ids import NoteId, TenantId, WorkspaceId, new_uuid
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.notes import queries, step_queries
from vocafuse_server.notes.errors import AudioAlreadyUploaded, NoteNotFound
from vocafuse_server.notes.events import announce_note
from vocafuse_server.notes.intake import ArrivedAudio
from vocafuse_server.notes.models import Note, NoteStatus, UploadSource
from vocafuse_server.notes.runs import enqueue_run
from vocafuse_server.storage.objects import Objects
from vocafuse_server.webhooks.events import EventKind


@dataclass(frozen=True, slots=True)
class NewNote:
    """What is known of a note before its audio is there; checked by the dialect.

    Attributes:
        extension: What the key of its audio ends with, without the dot.
        language: The one asked for, a code; None to have it detected.
        title: None for one that says when the note was made.
        source_url: Where its audio comes from; None if the client sends it.
        mime_type: As the client said.
        declared_duration_s: As the client said.
    """

    tenant_id: TenantId
    identity: str | None
    original_filename: str
    extension: str
    upload_source: UploadSource
    language: str | None = None
    custom_tags: Mapping[str, str] | None = None
    sdk_metadata: JsonObject | None = None
    title: str | None = None
    source_url: str | None = None
    mime_type: str | None = None
    declared_duration_s: float | None = None
    tags: Sequence[str] = ()
    metadata: JsonObject = field(default_factory=JsonObject)
    workspace_id: WorkspaceId | None = None
    client_ip: str | None = None
    user_agent: str | None = None


async def create_note(session: AsyncSession, new: NewNote, *, now: datetime) -> Note:
    """A note that waits for its audio: for the client to send it, or to be asked to fetch it."""
    note_id = NoteId(new_uuid())
    structlog.contextvars.bind_contextvars(note_id=str(note_id))
    note = Note(
        id=note_id,
        tenant_id=new.tenant_id,
        identity=new.identity,
        status=NoteStatus.CREATED,
        title=new.title or _title_at(now),
        original_filename=new.original_filename,
        source_url=new.source_url,
        mime_type=new.mime_type,
        audio_key=f"{new.tenant_id}/{note_id}.{new.extension}",
        language=new.language,
        custom_tags=dict(new.custom_tags) if new.custom_tags else None,
        sdk_metadata=new.sdk_metadata,
        declared_duration_seconds=new.declared_duration_s,
        tags=list(new.tags),
        free_metadata=new.metadata,
        workspace_id=new.workspace_id,
        upload_source=new.upload_source,
        client_ip=new.client_ip,
        user_agent=new.user_agent,
        created_at=now,
        updated_at=now,
    )
    session.add(note)
    await session.flush()
    return note


def _title_at(moment: datetime) -> str:
    return f"Voice Note {moment.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"


async def create_with_audio(
    session: AsyncSession,
    objects: Objects,
    queue: JobQueue,
    new: NewNote,
    audio: ArrivedAudio | None,
    *,
    now: datetime,
) -> Note:
    """A note that nobody has asked to transcribe yet, with its audio if that is there already.

    Nobody else can see the note while the object gets its name; why that happens in the transaction,
    `finish_upload` says.
    """
    note = await create_note(session, new, now=now)
    if audio is None:
        return note
    await objects.rename(audio.key, note.audio_key)
    await _attach_audio(session, note, audio, now=now)
    await _note_arrival(session, queue, note, audio, now=now)
    return note


async def find_out_who_uploads(session: AsyncSession, note_id: NoteId) -> TenantId:
    """Whose the note is that still waits for its audio; asked before the bytes are taken in.

    Raises:
        AudioAlreadyUploaded: The note has its audio.
        NoteNotFound: There is none, or it was deleted.
    """
    note = await queries.find_note_for_work(session, note_id)
    if note is None or note.deleted_at is not None:
        raise NoteNotFound
    if note.status is not NoteStatus.CREATED:
        raise AudioAlreadyUploaded
    return note.tenant_id


async def finish_upload(
    session: AsyncSession,
    objects: Objects,
    queue: JobQueue,
    *,
    note_id: NoteId,
    audio: ArrivedAudio,
    now: datetime,
) -> Note:
    """Make arrived audio the note's, and put its transcription on the queue.

    The row stays locked while the object gets its name, so that of two uploads that end at the same
    moment one wins whole. `docs/decisions.md` says why this is the one store call in a transaction.

    Raises:
        AudioAlreadyUploaded: The note has its audio.
        NoteNotFound: It was deleted meanwhile.
        OSError: The store failed.
    """
    waiting = await step_queries.lock_created_note(session, note_id)
    if waiting is None:
        await find_out_who_uploads(session, note_id)
        raise AudioAlreadyUploaded
    if audio.key != waiting.audio_key:  # It has its name if a worker died right after giving it.
        await objects.rename(audio.key, waiting.audio_key)
    note = await step_queries.mark_processing(
        session, note_id, audio_format=audio.container.value, file_size_bytes=audio.size_bytes, now=now
    )
    if note is None:
        raise AudioAlreadyUploaded
    await enqueue_run(session, queue, note)
    await _note_arrival(session, queue, note, audio, now=now)
    return note


async def finish_fetch(
    session: AsyncSession,
    objects: Objects,
    queue: JobQueue,
    *,
    note_id: NoteId,
    audio: ArrivedAudio,
    now: datetime,
) -> bool:
    """Make fetched audio the note's, and put its transcription on the queue; see `finish_upload`.

    Returns:
        False, and nothing done, if the note is gone or has its audio.
    """
    note = await step_queries.lock_unfetched_note(session, note_id)
    if note is None:
        return False
    await objects.rename(audio.key, note.audio_key)
    await _attach_audio(session, note, audio, now=now)
    await enqueue_run(session, queue, note)
    await _note_arrival(session, queue, note, audio, now=now)
    return True


async def refuse_audio(
    session: AsyncSession, queue: JobQueue, note_id: NoteId, *, code: str, message: str, now: datetime
) -> None:
    """created -> failed, because what its client put into the store can't be used; if it still waits."""
    note = await step_queries.mark_refused(session, note_id, code=code, message=message, now=now)
    if note is not None:
        await announce_note(session, queue, note, EventKind.FAILED, now=now)


async def _attach_audio(session: AsyncSession, note: Note, audio: ArrivedAudio, *, now: datetime) -> None:
    """Write down that a note has its audio, whatever its status."""
    note.audio_format = audio.container.value
    note.file_size_bytes = audio.size_bytes
    note.updated_at = now
    await session.flush()


async def _note_arrival(
    session: AsyncSession, queue: JobQueue, note: Note, audio: ArrivedAudio, *, now: datetime
) -> None:
    """Announce and count a note whose audio has arrived; the last thing in its transaction."""
    await announce_note(session, queue, note, EventKind.CREATED, now=now)
    await count_note(session, note.tenant_id, created_at=note.created_at, size_bytes=audio.size_bytes)
