"""SQL of a note's life: each legal step is one statement that checks where the note stood.

A step that doesn't fit changes nothing and gives None, so that whoever comes second finds nothing to do.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, literal, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow
from vocafuse_server.notes.queries import visible_to


async def lock_created_note(session: AsyncSession, note_id: NoteId) -> Note | None:
    """A note still waiting for its audio, locked against another upload's end."""
    return await session.scalar(
        select(Note)
        .where(Note.id == note_id, Note.status == NoteStatus.CREATED, Note.deleted_at.is_(None))
        .with_for_update()
    )


async def lock_unfetched_note(session: AsyncSession, note_id: NoteId) -> Note | None:
    """A note in processing whose audio is yet to be fetched, locked against another fetch's end."""
    return await session.scalar(
        select(Note)
        .where(
            Note.id == note_id,
            Note.status == NoteStatus.PROCESSING,
            Note.file_size_bytes.is_(None),
            Note.deleted_at.is_(None),
        )
        .with_for_update()
    )


async def mark_processing(
    session: AsyncSession, note_id: NoteId, *, audio_format: str, file_size_bytes: int, now: datetime
) -> Note | None:
    """created -> processing, once the bytes have arrived."""
    return await _step(
        session,
        note_id,
        NoteStatus.CREATED,
        status=NoteStatus.PROCESSING,
        audio_format=audio_format,
        file_size_bytes=file_size_bytes,
        updated_at=now,
    )


async def mark_refused(
    session: AsyncSession, note_id: NoteId, *, code: str, message: str, now: datetime
) -> Note | None:
    """created -> failed, with the reason: what has arrived can't be used."""
    return await _fail(session, note_id, NoteStatus.CREATED, code=code, message=message, now=now)


async def begin_run(
    session: AsyncSession, owner: Owner, note_id: NoteId, *, language: str | None, now: datetime
) -> Note | None:
    """created (with audio, or a URL of it) | transcribed | failed -> processing, or processing in another
    language, as the next run.

    Args:
        language: A code; None for the one that was asked for before.
    """
    wanted = Note.language if language is None else literal(language)
    has_source = or_(Note.file_size_bytes.is_not(None), Note.source_url.is_not(None))
    can_begin = and_(Note.status == NoteStatus.CREATED, has_source)
    # A note fails without audio if what has arrived could not be used.
    was_refused = and_(Note.failure_code.is_not(None), not_(has_source))
    has_ended = and_(Note.status.in_((NoteStatus.TRANSCRIBED, NoteStatus.FAILED)), not_(was_refused))
    changes_language = and_(Note.status == NoteStatus.PROCESSING, Note.language.is_distinct_from(wanted))
    return await session.scalar(
        update(Note)
        .where(Note.id == note_id, *visible_to(owner), or_(can_begin, has_ended, changes_language))
        .values(
            status=NoteStatus.PROCESSING,
            language=wanted,
            transcription_run=Note.transcription_run + 1,
            failure_code=None,
            failure_message=None,
            updated_at=now,
            processed_at=None,
        )
        .returning(Note)
        .execution_options(populate_existing=True)
    )


async def lock_duration(session: AsyncSession, note_id: NoteId) -> float | None:
    """How long an earlier transcription found the note to be, in seconds; None if there was none.

    The note is locked for the next one's end.
    """
    return await session.scalar(select(Note.duration_seconds).where(Note.id == note_id).with_for_update())


async def mark_transcribed(
    session: AsyncSession, note_id: NoteId, *, run: int, audio: Mapping[str, object], now: datetime
) -> Note | None:
    """processing -> transcribed, with what decoding found out about the audio."""
    return await _step(
        session,
        note_id,
        NoteStatus.PROCESSING,
        Note.transcription_run == run,
        status=NoteStatus.TRANSCRIBED,
        updated_at=now,
        processed_at=now,
        **audio,
    )


async def mark_failed(
    session: AsyncSession, note_id: NoteId, *, run: int, code: str, message: str, now: datetime
) -> Note | None:
    """processing -> failed, with the reason."""
    is_this_run = Note.transcription_run == run
    return await _fail(
        session, note_id, NoteStatus.PROCESSING, is_this_run, code=code, message=message, now=now
    )


async def put_transcription(
    session: AsyncSession, note: Note, values: Mapping[str, object], *, now: datetime
) -> TranscriptionRow:
    """Store a note's transcription in place of the one it may have."""
    statement = insert(TranscriptionRow).values(
        **values, note_id=note.id, tenant_id=note.tenant_id, created_at=now, updated_at=now
    )
    replaced = [name for name in (*values, "updated_at") if name != "id"]
    row = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["note_id"], set_={name: statement.excluded[name] for name in replaced}
        ).returning(TranscriptionRow)
    )
    if row is None:
        raise RuntimeError("an upsert returned no row")
    return row


async def _fail(
    session: AsyncSession,
    note_id: NoteId,
    expected: NoteStatus,
    *conditions: ColumnElement[bool],
    code: str,
    message: str,
    now: datetime,
) -> Note | None:
    return await _step(
        session,
        note_id,
        expected,
        *conditions,
        status=NoteStatus.FAILED,
        failure_code=code,
        failure_message=message,
        updated_at=now,
        processed_at=now,
    )


async def _step(
    session: AsyncSession,
    note_id: NoteId,
    expected: NoteStatus,
    *conditions: ColumnElement[bool],
    **values: object,
) -> Note | None:
    """The note after the step; None, and nothing done, if it didn't stand where it should."""
    return await session.scalar(
        update(Note)
        .where(Note.id == note_id, Note.status == expected, Note.deleted_at.is_(None), *conditions)
        .values(**values)
        .returning(Note)
        .execution_options(populate_existing=True)
    )
