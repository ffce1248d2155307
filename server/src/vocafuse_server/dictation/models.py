"""The table of dictations."""

from datetime import datetime

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import DictationId, TenantId


class Dictation(Base):
    """Audio whose text somebody waits for. The row is gone before the answer is sent."""

    __tablename__ = "dictations"

    id: Mapped[DictationId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId]
    audio_key: Mapped[str]
    language: Mapped[str | None]
    """The language asked for, a code; None to have it detected."""
    with_words: Mapped[bool]
    """Whether the time of each word is wanted."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    """From when on nobody can be waiting any more."""
    ended_at: Mapped[datetime | None]
    transcription: Mapped[JsonObject | None] = mapped_column(JSON(none_as_null=True))
    """The engine's `Transcription`; None until there is one."""
    failure_code: Mapped[str | None]
    failure_message: Mapped[str | None]
