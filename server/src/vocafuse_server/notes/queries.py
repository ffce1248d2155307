"""SQL of notes. Each legal step of a note's life is one statement that checks where it stood."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.core.reading import RowQuery, RowReader
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteRow, NoteStatus, TranscriptionRow


async def find_note(session: AsyncSession, owner: Owner, note_id: NoteId) -> Note | None:
    return await session.scalar(select(Note).where(Note.id == note_id, *_visible_to(owner)))


async def read_note(rows: RowReader, owner: Owner, note_id: NoteId) -> NoteRow | None:
    if owner.identity is None:
        return await rows.find(_NOTE, note_id=note_id, tenant_id=owner.tenant_id)
    return await rows.find(_NOTE_OF_USER, note_id=note_id, tenant_id=owner.tenant_id, identity=owner.identity)


async def find_note_for_work(session: AsyncSession, note_id: NoteId) -> Note | None:
    """A note of whatever tenant, for jobs and for signed URLs."""
    return await session.get(Note, note_id)


async def find_transcription(session: AsyncSession, note_id: NoteId) -> TranscriptionRow | None:
    return await session.scalar(select(TranscriptionRow).where(TranscriptionRow.note_id == note_id))


async def stored_audio_bytes(session: AsyncSession) -> int:
    """The size of all notes' audio, whoever's they are."""
    return await session.scalar(select(func.coalesce(func.sum(Note.file_size_bytes), 0))) or 0


async def count_processing(session: AsyncSession, tenant_id: TenantId, *, limit: int) -> int:
    """How many notes of a tenant wait for their transcription; counted no further than `limit`."""
    waiting = (
        select(literal(1))
        .where(Note.tenant_id == tenant_id, Note.status == NoteStatus.PROCESSING, Note.deleted_at.is_(None))
        .limit(limit)
    )
    return await session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


async def lock_created_note(session: AsyncSession, note_id: NoteId) -> Note | None:
    """A note still waiting for its audio, locked against another upload's end; None if there is none."""
    return await session.scalar(
        select(Note)
        .where(Note.id == note_id, Note.status == NoteStatus.CREATED, Note.deleted_at.is_(None))
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
        .where(Note.id == note_id, *_visible_to(owner), or_(can_begin, has_ended, changes_language))
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
    """How long an earlier transcription found the note to be; the note is locked for the next one's end."""
    return await session.scalar(select(Note.duration_seconds).where(Note.id == note_id).with_for_update())


async def mark_transcribed(
    session: AsyncSession, note_id: NoteId, *, run: int, audio: dict[str, object], now: datetime
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
    return await _step(
        session,
        note_id,
        NoteStatus.PROCESSING,
        Note.transcription_run == run,
        status=NoteStatus.FAILED,
        failure_code=code,
        failure_message=message,
        updated_at=now,
        processed_at=now,
    )


async def mark_refused(
    session: AsyncSession, note_id: NoteId, *, code: str, message: str, now: datetime
) -> Note | None:
    """created -> failed, with the reason: what has arrived can't be used."""
    return await _step(
        session,
        note_id,
        NoteStatus.CREATED,
        status=NoteStatus.FAILED,
        failure_code=code,
        failure_message=message,
        updated_at=now,
        processed_at=now,
    )


async def put_transcription(session: AsyncSession, values: dict[str, object]) -> TranscriptionRow:
    """Store a note's transcription in place of the one it may have."""
    statement = insert(TranscriptionRow).values(**values)
    kept = {"id", "note_id", "tenant_id", "created_at"}
    row = await session.scalar(
        statement.on_conflict_do_update(
            index_elements=["note_id"],
            set_={name: statement.excluded[name] for name in values if name not in kept},
        ).returning(TranscriptionRow)
    )
    if row is None:
        raise RuntimeError("an upsert returned no row")
    return row


async def delete_note(session: AsyncSession, owner: Owner, note_id: NoteId) -> Note | None:
    """Remove a note with its transcription; the row as it was, None if there was none."""
    return await session.scalar(delete(Note).where(Note.id == note_id, *_visible_to(owner)).returning(Note))


async def put_note_away(
    session: AsyncSession, owner: Owner, note_id: NoteId, *, now: datetime
) -> Note | None:
    """Let a note be found no more, but keep it; None if there was none."""
    return await _change(session, owner, note_id, deleted_at=now, updated_at=now)


async def restore_note(session: AsyncSession, owner: Owner, note_id: NoteId, *, now: datetime) -> Note | None:
    """Let a note be found again; None if there is none that is deleted and kept.

    One that was being processed begins its next run: while it was deleted, its job has found nothing to do.
    """
    is_processing = case((Note.status == NoteStatus.PROCESSING, 1), else_=0)
    return await session.scalar(
        update(Note)
        .where(Note.id == note_id, *_owned(owner.tenant_id, owner.identity), Note.deleted_at.is_not(None))
        .values(deleted_at=None, updated_at=now, transcription_run=Note.transcription_run + is_processing)
        .returning(Note)
        .execution_options(populate_existing=True)
    )


async def purge_note(session: AsyncSession, note_id: NoteId, *, deleted_at: datetime) -> Note | None:
    """Remove a note for good that has been deleted since then; the row as it was."""
    return await session.scalar(
        delete(Note).where(Note.id == note_id, Note.deleted_at == deleted_at).returning(Note)
    )


async def change_details(
    session: AsyncSession, owner: Owner, note_id: NoteId, details: Mapping[str, object], *, now: datetime
) -> Note | None:
    """Set what the client may change of a note; None if there is none."""
    return await _change(session, owner, note_id, **details, updated_at=now)


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


async def purge_notes(
    session: AsyncSession, *, deleted_until: datetime, limit: int
) -> Sequence[tuple[NoteId, str]]:
    """Remove notes for good that were deleted long ago; their ids and the keys of their audio."""
    oldest = (
        select(Note.id)
        .where(Note.deleted_at <= deleted_until)
        .order_by(Note.deleted_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    purged = await session.execute(delete(Note).where(Note.id.in_(oldest)).returning(Note.id, Note.audio_key))
    return [(row.id, row.audio_key) for row in purged]


async def _change(session: AsyncSession, owner: Owner, note_id: NoteId, **values: object) -> Note | None:
    return await session.scalar(
        update(Note)
        .where(Note.id == note_id, *_visible_to(owner))
        .values(**values)
        .returning(Note)
        .execution_options(populate_existing=True)
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


def _visible_to(owner: Owner) -> list[ColumnElement[bool]]:
    return _visible(owner.tenant_id, owner.identity)


def _visible(
    tenant_id: TenantId | BindParameter[TenantId], identity: str | BindParameter[str] | None
) -> list[ColumnElement[bool]]:
    return [*_owned(tenant_id, identity), Note.deleted_at.is_(None)]


def _owned(
    tenant_id: TenantId | BindParameter[TenantId], identity: str | BindParameter[str] | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [Note.tenant_id == tenant_id]
    if identity is not None:
        conditions.append(Note.identity == identity)
    return conditions


def _note_row(identity: BindParameter[str] | None) -> RowQuery[NoteRow]:
    columns = [Note.__table__.c[name] for name in NoteRow._fields]
    is_asked_for = Note.id == bindparam("note_id")
    return RowQuery(
        NoteRow._make, select(*columns).where(is_asked_for, *_visible(bindparam("tenant_id"), identity))
    )


_NOTE = _note_row(None)
_NOTE_OF_USER = _note_row(bindparam("identity"))
