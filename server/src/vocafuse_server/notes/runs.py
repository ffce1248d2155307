"""Runs: each transcription of a note, from being asked for until its text or its failure is recorded."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.usage import count_duration
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import step_queries
from vocafuse_server.notes.errors import AudioNotArrived
from vocafuse_server.notes.events import announce_note
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.notes.reading import get_note
from vocafuse_server.webhooks.events import EventKind


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
    begun = note_id and await step_queries.begin_run(session, owner, note_id, language=language, now=now)
    if begun:
        await enqueue_run(session, queue, begun)
        return begun
    note = await get_note(session, owner, note_id)
    if note.status is NoteStatus.CREATED:
        raise AudioNotArrived
    return note


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


async def record_transcription(
    session: AsyncSession,
    queue: JobQueue,
    note_id: NoteId,
    *,
    run: int,
    audio: Mapping[str, object],
    transcription: Mapping[str, object],
    now: datetime,
) -> bool:
    """processing -> transcribed: the text, the status and the webhooks in one transaction.

    Args:
        audio: Columns of `Note`: what decoding found out about its audio.
        transcription: Columns of `TranscriptionRow`, but for those that say whose it is and since when.

    Returns:
        False, and nothing done, if the note is gone or no longer being processed by this run.
    """
    counted_s = await step_queries.lock_duration(session, note_id)
    note = await step_queries.mark_transcribed(session, note_id, run=run, audio=audio, now=now)
    if note is None:
        return False
    row = await step_queries.put_transcription(session, note, transcription, now=now)
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
    note = await step_queries.mark_failed(session, note_id, run=run, code=code, message=message, now=now)
    if note is None:
        return False
    await announce_note(session, queue, note, EventKind.FAILED, now=now)
    return True
