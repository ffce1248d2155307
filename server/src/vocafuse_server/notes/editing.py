"""Changing what a client may change of a note."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.ids import NoteId
from vocafuse_server.notes import queries
from vocafuse_server.notes.errors import existing
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note


@dataclass(frozen=True, slots=True)
class NoteChanges:
    """What to change of a note; None leaves as it is, the rest is replaced."""

    title: str | None = None
    tags: list[str] | None = None
    metadata: JsonObject | None = None
    custom_tags: Mapping[str, str] | None = None

    def values(self) -> dict[str, object]:
        """The columns that change."""
        named = {"title": self.title, "tags": self.tags, "free_metadata": self.metadata}
        changed: dict[str, object] = {name: value for name, value in named.items() if value is not None}
        if self.custom_tags is not None:
            changed["custom_tags"] = dict(self.custom_tags) or None  # A note without any has none.
        return changed


async def update_note(
    session: AsyncSession, owner: Owner, note_id: NoteId | None, changes: NoteChanges, *, now: datetime
) -> Note:
    """Change a note.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    values = changes.values()
    return existing(await queries.change_note(session, owner, note_id, values, now=now) if note_id else None)
