"""Notes written straight into the database, in whatever state a test needs them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId, TenantId, TranscriptionId, new_uuid
from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow, UploadSource


async def make_note(
    session: AsyncSession,
    tenant_id: TenantId,
    *,
    created_at: datetime,
    status: NoteStatus = NoteStatus.TRANSCRIBED,
    identity: str | None = None,
    tags: Mapping[str, str] | None = None,
    text: str | None = None,
    language: str | None = "en",
    file_name: str = "a.wav",
    source_url: str | None = None,
    plain_tags: Sequence[str] = (),
    title: str = "A note",
) -> NoteId:
    """A note without audio; with a transcription if `text` is given."""
    note_id = NoteId(new_uuid())
    session.add(
        Note(
            id=note_id,
            tenant_id=tenant_id,
            identity=identity,
            status=status,
            title=title,
            original_filename=file_name,
            source_url=source_url,
            audio_key=f"{tenant_id}/{note_id}.wav",
            custom_tags=dict(tags) if tags else None,
            tags=list(plain_tags),
            upload_source=UploadSource.API,
            created_at=created_at,
            updated_at=created_at,
        )
    )
    await session.flush()
    if text is not None:
        session.add(make_transcription(tenant_id, note_id, text, created_at, language=language))
        await session.flush()
    return note_id


def make_transcription(
    tenant_id: TenantId,
    note_id: NoteId,
    text: str,
    created_at: datetime,
    *,
    language: str | None = "en",
) -> TranscriptionRow:
    """A transcription of one segment, two seconds long, without words."""
    return TranscriptionRow(
        id=TranscriptionId(new_uuid()),
        note_id=note_id,
        tenant_id=tenant_id,
        text=text,
        segments=[{"start": 0.0, "end": 1.9996, "text": text}],
        words=[],
        language=language,
        language_probability=1.0,
        confidence=0.9,
        provider="local",
        model="whisper-base",
        processing_duration_ms=100,
        created_at=created_at,
        updated_at=created_at,
    )
