"""Tables of notes."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Date, DateTime, ForeignKey, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import NoteId, TenantId, TranscriptionId, WorkspaceId


class NoteStatus(StrEnum):
    """Where a note stands; `step_queries.py` has one statement for each legal step.

    created -> processing (the bytes have arrived) -> transcribed | failed -> processing (asked for again)
    """

    CREATED = "created"
    PROCESSING = "processing"
    TRANSCRIBED = "transcribed"
    FAILED = "failed"


FIRST_RUN = 1

# A note is in lists once its audio has arrived.
LISTED = (NoteStatus.PROCESSING, NoteStatus.TRANSCRIBED, NoteStatus.FAILED)


class UploadSource(StrEnum):
    RECORDER = "recorder"
    SDK = "sdk"
    API = "api"
    URL = "url"


# A title for rows that are written without one.
_TITLE_NOW = "'Voice Note ' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"


class Note(Base):
    """One recording with its metadata."""

    __tablename__ = "notes"
    __table_args__ = (
        # Newest first, for each status by itself: a list without a status merges several such orders.
        Index(
            "ix_notes_listed",
            *("tenant_id", "status", "created_at", "id"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index(
            "ix_notes_listed_by_identity",
            *("tenant_id", "identity", "status", "created_at", "id"),
            postgresql_where=text("identity IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index(
            "ix_notes_listed_by_workspace",
            *("tenant_id", "workspace_id", "created_at", "id"),
            postgresql_where=text("workspace_id IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index("ix_notes_tags", "tags", postgresql_using="gin", postgresql_where=text("tags <> '{}'")),
        Index("ix_notes_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
        # What the sweeps look at.
        Index(
            "ix_notes_awaited",
            "created_at",
            postgresql_where=text("status = 'created' AND file_size_bytes IS NULL AND source_url IS NULL"),
        ),
        Index("ix_notes_in_processing", "updated_at", postgresql_where=text("status = 'processing'")),
    )

    id: Mapped[NoteId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    identity: Mapped[str | None]
    status: Mapped[NoteStatus]
    title: Mapped[str] = mapped_column(server_default=text(_TITLE_NOW))
    original_filename: Mapped[str]
    source_url: Mapped[str | None]
    """Where its audio comes from, as the client said; None if the client sends the audio itself."""
    mime_type: Mapped[str | None]
    """As the client said; what the audio really is, its bytes decide."""
    audio_key: Mapped[str]
    file_size_bytes: Mapped[int | None]
    audio_format: Mapped[str | None]
    audio_codec: Mapped[str | None]
    duration_seconds: Mapped[float | None]
    """As measured; None until then."""
    declared_duration_seconds: Mapped[float | None]
    """As the client said."""
    sample_rate: Mapped[int | None]
    channels: Mapped[int | None]
    bit_rate: Mapped[int | None] = mapped_column(BigInteger)
    language: Mapped[str | None]
    """The language asked for, a code; None to have it detected."""
    transcription_run: Mapped[int] = mapped_column(default=FIRST_RUN, server_default=text(str(FIRST_RUN)))
    """Which transcription of the note this is or was; only the run with this number can end it."""
    custom_tags: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))
    sdk_metadata: Mapped[JsonObject | None] = mapped_column(JSONB(none_as_null=True))
    tags: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    """Plain tags, which have nothing to do with custom ones."""
    free_metadata: Mapped[JsonObject] = mapped_column("metadata", server_default=text("'{}'::jsonb"))
    workspace_id: Mapped[WorkspaceId | None]
    upload_source: Mapped[UploadSource]
    client_ip: Mapped[str | None]
    user_agent: Mapped[str | None]
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    processed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    """Since when the note is in no list and can't be found; its data stays until it is purged."""


class ShownNote(NamedTuple):
    """What is shown of a note: those columns of `Note`, read without an entity and its session."""

    id: NoteId
    tenant_id: TenantId
    identity: str | None
    status: NoteStatus
    original_filename: str
    audio_key: str
    file_size_bytes: int | None
    audio_format: str | None
    audio_codec: str | None
    duration_seconds: float | None
    sample_rate: int | None
    channels: int | None
    bit_rate: int | None
    title: str
    tags: list[str]
    custom_tags: JsonObject | None
    upload_source: UploadSource
    client_ip: str | None
    user_agent: str | None
    failure_code: str | None
    failure_message: str | None
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None


class TranscriptionRow(Base):
    """The text of a note, at most one for each. What the engine makes is a `Transcription`."""

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


class NoteEventKind(StrEnum):
    """What happens to a note that is in lists."""

    CREATED = "created"  # Its audio has arrived, or it waits to be fetched.
    PROCESSING = "processing"
    TRANSCRIBED = "transcribed"
    FAILED = "failed"
    UPDATED = "updated"
    DELETED = "deleted"
    RESTORED = "restored"


class NoteEvent(Base):
    """Something that happened to a note. A trigger writes it when the transaction commits (migration 0011).

    A tenant's numbers grow in the order in which transactions become visible: who has read up to one has
    missed none before it.
    """

    __tablename__ = "note_events"
    __table_args__ = (
        Index(
            "ix_note_events_identity",
            *("tenant_id", "identity", "number"),
            postgresql_where=text("identity IS NOT NULL"),
        ),
    )

    tenant_id: Mapped[TenantId] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """About when it happened, in microseconds since the epoch."""
    identity: Mapped[str | None]
    note_id: Mapped[NoteId]
    kind: Mapped[NoteEventKind]


# The words of notes, in the language of each; triggers keep them (migration 0011). A note without words of
# its own has no row.
note_search = Table(
    "note_search",
    Base.metadata,
    Column("note_id", Uuid, ForeignKey("notes.id", ondelete="CASCADE"), primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("config", Text, nullable=False),
    Column("document", TSVECTOR, nullable=False),
    Index("ix_note_search_document", "document", postgresql_using="gin"),
    Index("ix_note_search_config", "tenant_id", "config"),
)


# What lists and their totals are read from besides the notes themselves. Triggers on `notes` keep these three
# tables, in the transaction that changes the notes (migration 0004); nothing else writes to them but the fold
# in `count_queries.py`. Notes that are deleted or wait for a client's upload are in no list and don't count.
#
# A facet is what can be counted at once: '' for all of a tenant's notes, 'user:<identity>',
# 'tag:<key>=<value>'.

_STATUS = Note.__table__.c.status.type

note_tags = Table(
    "note_tags",
    Base.metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("status", _STATUS, primary_key=True),
    Column("created_at", DateTime(timezone=True), primary_key=True),
    Column("note_id", Uuid, primary_key=True),
)
"""The notes that have a tag, in the order of lists."""


def _counts(name: str, *indexes: Index) -> Table:
    return Table(
        name,
        Base.metadata,
        Column("tenant_id", Uuid, nullable=False),
        Column("facet", Text, nullable=False),
        Column("day", Date, nullable=False),
        Column("status", _STATUS, nullable=False),
        Column("n", BigInteger, nullable=False),
        *indexes,
    )


note_counts = _counts(
    "note_counts",
    Index(
        "uq_note_counts",
        *("tenant_id", "facet", "day", "status"),
        unique=True,
        postgresql_include=["n"],
    ),
    Index("ix_note_counts_empty", "n", postgresql_where=text("n = 0")),
)
"""How many notes of a facet were created on a day (UTC) and have a status, but for `note_count_changes`."""

note_count_changes = _counts(
    "note_count_changes", Index("ix_note_count_changes", "tenant_id", "facet", "day")
)
"""What has come to the counts, or gone, since the last fold. Rows are only added, and folded away: no writer
waits for another."""
