"""What can be done with notes; each function is one transaction's worth of work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.usage import count_duration, count_note
from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.ids import NoteId, TenantId, WorkspaceId, new_uuid
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.core.reading import RowReader
from vocafuse_server.notes import queries
from vocafuse_server.notes.errors import (
    AudioAlreadyUploaded,
    AudioNotArrived,
    NoteNotFound,
    TranscriptionFailed,
    TranscriptionNotReady,
    existing,
)
from vocafuse_server.notes.events import announce_note
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.intake import ArrivedAudio
from vocafuse_server.notes.models import Note, NoteRow, NoteStatus, TranscriptionRow, UploadSource
from vocafuse_server.storage.objects import Objects
from vocafuse_server.webhooks.events import EventKind
from vocafuse_server.webhooks.queries import forget_note


@dataclass(frozen=True, slots=True)
class NewNote:
    """What is known of a note before its audio is there; checked by the dialect.

    Attributes:
        title: None for one that says when the note was made.
        source_url: Where its audio comes from; None if the client sends it.
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
    """
    waiting = await queries.lock_created_note(session, note_id)
    if waiting is None:
        await awaiting_audio(session, note_id)
        raise AudioAlreadyUploaded
    if audio.key != waiting.audio_key:  # It has its name if a worker died right after giving it.
        await objects.rename(audio.key, waiting.audio_key)
    note = await queries.mark_processing(
        session, note_id, audio_format=audio.container.value, file_size_bytes=audio.size_bytes, now=now
    )
    if note is None:
        raise AudioAlreadyUploaded
    await enqueue_run(session, queue, note)
    await note_audio(session, queue, note, audio, now=now)
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
    note = await queries.lock_unfetched_note(session, note_id)
    if note is None:
        return False
    await objects.rename(audio.key, note.audio_key)
    await attach_audio(session, note, audio, now=now)
    await enqueue_run(session, queue, note)
    await note_audio(session, queue, note, audio, now=now)
    return True


async def attach_audio(session: AsyncSession, note: Note, audio: ArrivedAudio, *, now: datetime) -> None:
    """Write down that a note has its audio, whatever its status."""
    note.audio_format = audio.container.value
    note.file_size_bytes = audio.size_bytes
    note.updated_at = now
    await session.flush()


async def note_audio(
    session: AsyncSession, queue: JobQueue, note: Note, audio: ArrivedAudio, *, now: datetime
) -> None:
    """Announce and count a note whose audio has arrived; the last thing in its transaction."""
    await announce_note(session, queue, note, EventKind.CREATED, now=now)
    await count_note(session, note.tenant_id, created_at=note.created_at, size_bytes=audio.size_bytes)


async def awaiting_audio(session: AsyncSession, note_id: NoteId) -> TenantId:
    """Whose the note is; raises unless it is there and still waits for its audio.

    Raises:
        AudioAlreadyUploaded, NoteNotFound: It doesn't; asked before the bytes are taken in.
    """
    note = await queries.find_note_for_work(session, note_id)
    if note is None or note.deleted_at is not None:
        raise NoteNotFound
    if note.status is not NoteStatus.CREATED:
        raise AudioAlreadyUploaded
    return note.tenant_id


async def get_note(session: AsyncSession, owner: Owner, note_id: NoteId | None) -> Note:
    """One note.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    return existing(await queries.find_note(session, owner, note_id) if note_id else None)


async def read_note(rows: RowReader, owner: Owner, note_id: NoteId | None) -> NoteRow:
    """What is shown of one note.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    return existing(await queries.read_note(rows, owner, note_id) if note_id else None)


async def transcribe_again(
    session: AsyncSession,
    queue: JobQueue,
    owner: Owner,
    note_id: NoteId | None,
    *,
    now: datetime,
    language: str | None = None,
) -> Note:
    """Put a transcription of a note on the queue; what an earlier one says stays until it is done.

    A note that is being transcribed in this language is left alone: one job, not two. In another
    language it is begun anew, and what the run before it finds out no longer counts.

    Args:
        language: A code; None for the one that was asked for before.

    Raises:
        NoteNotFound: This owner has none with this id.
        AudioNotArrived: There is nothing to transcribe yet.
    """
    begun = await queries.begin_run(session, owner, note_id, language=language, now=now) if note_id else None
    if begun is not None:
        await enqueue_run(session, queue, begun)
        return begun
    note = await get_note(session, owner, note_id)
    if note.status is NoteStatus.CREATED:
        raise AudioNotArrived
    return note


async def get_transcription(
    session: AsyncSession, owner: Owner, note_id: NoteId | None
) -> tuple[Note, TranscriptionRow]:
    """A note and its newest transcription, also while another one is made and when that has failed.

    Raises:
        NoteNotFound: This owner has no such note.
        TranscriptionNotReady, TranscriptionFailed: There is none yet, or there will be none.
    """
    note = await get_note(session, owner, note_id)
    found = await queries.find_transcription(session, note.id)
    if found is not None:
        return note, found
    raise_if_failed(note)
    raise TranscriptionNotReady


def raise_if_failed(note: Note) -> None:
    """Raises TranscriptionFailed, with the reason, if the note has failed."""
    if note.status is NoteStatus.FAILED:
        raise TranscriptionFailed(
            f"The transcription failed: {note.failure_message}",
            details={"reason": note.failure_message, "failure_code": note.failure_code},
        )


async def delete_note(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> None:
    """Remove a note for good: row and transcription now, the audio by a job of the same transaction.

    With it goes what webhooks were told of it; what is still on its way goes once it has ended.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.delete_note(session, owner, note_id) if note_id else None)
    await leave_nothing(session, queue, note, now=now)


async def leave_nothing(session: AsyncSession, queue: JobQueue, note: Note, *, now: datetime) -> None:
    """What goes with the row of a note that is deleted for good, and the announcement that it is."""
    await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=note.audio_key)
    await forget_note(session, note.id)
    await announce_deletion(session, queue, note, now=now)


async def announce_deletion(session: AsyncSession, queue: JobQueue, note: Note, *, now: datetime) -> None:
    """Announce that a note is deleted, unless nobody has heard of it: its audio has never arrived."""
    if note.status is not NoteStatus.CREATED or note.file_size_bytes is not None:
        await announce_note(session, queue, note, EventKind.DELETED, now=now)


async def record_transcription(
    session: AsyncSession,
    queue: JobQueue,
    note_id: NoteId,
    *,
    run: int,
    audio: dict[str, object],
    transcription: dict[str, object],
    now: datetime,
) -> bool:
    """processing -> transcribed: the text, the status and the webhooks in one transaction.

    Returns:
        False, and nothing done, if the note is gone or no longer being processed by this run.
    """
    counted_s = await queries.lock_duration(session, note_id)
    note = await queries.mark_transcribed(session, note_id, run=run, audio=audio, now=now)
    if note is None:
        return False
    row = await queries.put_transcription(
        session,
        {
            **transcription,
            "note_id": note.id,
            "tenant_id": note.tenant_id,
            "created_at": now,
            "updated_at": now,
        },
    )
    await announce_note(session, queue, note, EventKind.TRANSCRIBED, transcription=row, now=now)
    await count_duration(
        session,
        note.tenant_id,
        created_at=note.created_at,
        duration_s=note.duration_seconds or 0.0,
        counted_s=counted_s,
    )
    return True


async def record_failure(
    session: AsyncSession,
    queue: JobQueue,
    note_id: NoteId,
    *,
    run: int,
    code: str,
    message: str,
    now: datetime,
) -> bool:
    """processing -> failed, with a reason a person can read; False if it isn't this run's any more."""
    note = await queries.mark_failed(session, note_id, run=run, code=code, message=message, now=now)
    if note is None:
        return False
    await announce_note(session, queue, note, EventKind.FAILED, now=now)
    return True


async def refuse_audio(
    session: AsyncSession, queue: JobQueue, note_id: NoteId, *, code: str, message: str, now: datetime
) -> None:
    """created -> failed, because what its client put into the store can't be used; if it still waits."""
    note = await queries.mark_refused(session, note_id, code=code, message=message, now=now)
    if note is not None:
        await announce_note(session, queue, note, EventKind.FAILED, now=now)


async def enqueue_run(session: AsyncSession, queue: JobQueue, note: Note) -> None:
    """Put the run that a note is in on the queue, in its tenant's turn."""
    is_elsewhere = note.source_url is not None and note.file_size_bytes is None
    await queue.enqueue(
        session,
        Task.FETCH_NOTE if is_elsewhere else Task.TRANSCRIBE_NOTE,
        queue=Queue.FETCHING if is_elsewhere else Queue.TRANSCRIPTION,
        share_of=note.tenant_id,
        note_id=str(note.id),
        run=note.transcription_run,
    )
