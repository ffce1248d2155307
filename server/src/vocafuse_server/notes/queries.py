"""SQL of notes: finding, changing and deleting them. `step_queries.py` has the steps of their lives."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.core.reading import RowQuery, RowReader
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus, ShownNote, TranscriptionRow


async def find_note(session: AsyncSession, owner: Owner, note_id: NoteId) -> Note | None:
    return await session.scalar(select(Note).where(Note.id == note_id, *visible_to(owner)))


async def find_shown_note(rows: RowReader, owner: Owner, note_id: NoteId) -> ShownNote | None:
    """What is shown of a note, by a query that is prepared and takes no session."""
    if owner.identity is None:
        return await rows.find(_SHOWN_NOTE, note_id=note_id, tenant_id=owner.tenant_id)
    return await rows.find(
        _SHOWN_NOTE_OF_USER, note_id=note_id, tenant_id=owner.tenant_id, identity=owner.identity
    )


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


async def change_note(
    session: AsyncSession, owner: Owner, note_id: NoteId, values: Mapping[str, object], *, now: datetime
) -> Note | None:
    """Set columns of a note; None if there is none."""
    return await session.scalar(
        update(Note)
        .where(Note.id == note_id, *visible_to(owner))
        .values(**values, updated_at=now)
        .returning(Note)
        .execution_options(populate_existing=True)
    )


async def delete_note(session: AsyncSession, owner: Owner, note_id: NoteId) -> Note | None:
    """Remove a note with its transcription; the row as it was, None if there was none."""
    return await session.scalar(delete(Note).where(Note.id == note_id, *visible_to(owner)).returning(Note))


async def put_note_away(
    session: AsyncSession, owner: Owner, note_id: NoteId, *, now: datetime
) -> Note | None:
    """Let a note be found no more, but keep it; None if there was none."""
    return await change_note(session, owner, note_id, {"deleted_at": now}, now=now)


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


def visible_to(owner: Owner) -> list[ColumnElement[bool]]:
    """That a note is this owner's, and isn't deleted."""
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


def _shown_note(identity: BindParameter[str] | None) -> RowQuery[ShownNote]:
    columns = [Note.__table__.c[name] for name in ShownNote._fields]
    is_asked_for = Note.id == bindparam("note_id")
    return RowQuery(
        ShownNote._make, select(*columns).where(is_asked_for, *_visible(bindparam("tenant_id"), identity))
    )


_SHOWN_NOTE = _shown_note(None)
_SHOWN_NOTE_OF_USER = _shown_note(bindparam("identity"))
