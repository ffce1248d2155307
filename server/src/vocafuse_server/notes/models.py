"""Tables of notes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import NoteId, TenantId, TranscriptionId


class NoteStatus(StrEnum):
    """Where a note stands; `queries.py` has one statement for each legal step.

    created -> processing (the bytes have arrived) -> transcribed | failed
    """

    CREATED = "created"
    PROCESSING = "processing"
    TRANSCRIBED = "transcribed"
    FAILED = "failed"


class UploadSource(StrEnum):
    RECORDER = "recorder"
    SDK = "sdk"
    API = "api"


class Note(Base):
    """One recording with its metadata."""

    __tablename__ = "notes"
    __table_args__ = (
        # Ids sort by time, so these serve "newest first" as well.
        Index("ix_notes_tenant_visible", "tenant_id", "id", postgresql_where=text("status <> 'created'")),
        Index(
            "ix_notes_identity_visible",
            "tenant_id",
            "identity",
            "id",
            postgresql_where=text("status <> 'created'"),
        ),
    )

    id: Mapped[NoteId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    identity: Mapped[str | None]
    status: Mapped[NoteStatus]
    original_filename: Mapped[str]
    audio_key: Mapped[str]
    file_size_bytes: Mapped[int | None]
    audio_format: Mapped[str | None]
    audio_codec: Mapped[str | None]
    duration_seconds: Mapped[float | None]
    sample_rate: Mapped[int | None]
    channels: Mapped[int | None]
    bit_rate: Mapped[int | None] = mapped_column(BigInteger)
    language: Mapped[str | None]
    """The language asked for, a code; None to have it detected."""
    custom_tags: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))
    sdk_metadata: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))
    upload_source: Mapped[UploadSource]
    client_ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]


class TranscriptionRow(Base):
    """The text of a note, at most one for each."""

    __tablename__ = "transcriptions"

    id: Mapped[TranscriptionId] = mapped_column(primary_key=True)
    note_id: Mapped[NoteId] = mapped_column(ForeignKey("notes.id", ondelete="CASCADE"), unique=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    text: Mapped[str]
    segments: Mapped[list[JsonObject]]
    words: Mapped[list[JsonObject]]
    language: Mapped[str | None]
    language_probability: Mapped[float]
    confidence: Mapped[float]
    provider: Mapped[str]
    model: Mapped[str]
    processing_duration_ms: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
