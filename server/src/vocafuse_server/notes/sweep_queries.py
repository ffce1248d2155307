"""SQL of what a crash can leave of notes: uploads without end, runs without a job, audio without a note."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.models import Tenant
from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.notes.models import Note, NoteStatus

_HAS_NO_JOB = text(
    "NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    " AND task_name IN ('transcribe_note', 'fetch_note')"
    " AND args ->> 'note_id' = notes.id::text AND (args ->> 'run')::int = notes.transcription_run)"
)


async def delete_abandoned(
    session: AsyncSession, *, created_until: datetime, limit: int
) -> Sequence[tuple[NoteId, str]]:
    """Remove notes whose audio was never sent; their ids and the keys that their audio would have."""
    is_awaited = and_(
        Note.status == NoteStatus.CREATED, Note.file_size_bytes.is_(None), Note.source_url.is_(None)
    )
    oldest = (
        select(Note.id)
        .where(is_awaited, Note.created_at <= created_until)
        .order_by(Note.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = await session.execute(delete(Note).where(Note.id.in_(oldest)).returning(Note.id, Note.audio_key))
    return [(note_id, audio_key) for note_id, audio_key in rows]


async def lock_lost_runs(session: AsyncSession, *, untouched_since: datetime, limit: int) -> Sequence[Note]:
    """Notes in processing that no job will ever end."""
    found = await session.scalars(
        select(Note)
        .where(
            Note.status == NoteStatus.PROCESSING,
            Note.updated_at <= untouched_since,
            Note.deleted_at.is_(None),
            _HAS_NO_JOB,
        )
        .order_by(Note.updated_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return found.all()


async def find_tenants(session: AsyncSession, tenant_ids: Collection[TenantId]) -> set[TenantId]:
    """Those of the tenants that exist."""
    return set(await session.scalars(select(Tenant.id).where(Tenant.id.in_(tenant_ids))))


async def find_notes(session: AsyncSession, note_ids: Collection[NoteId]) -> set[NoteId]:
    """Those of the notes that exist, deleted ones that are still kept as well."""
    return set(await session.scalars(select(Note.id).where(Note.id.in_(note_ids))))
