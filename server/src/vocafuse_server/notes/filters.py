"""Which notes are asked for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.core.ids import TenantId, WorkspaceId
from vocafuse_server.notes.models import NoteStatus


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose notes can be seen at all: a tenant's, or one of its users'."""

    tenant_id: TenantId
    identity: str | None

    def narrowed_to(self, identity: str | None) -> "Owner":
        """One user of this owner's; a user's own notes stay its own, whoever is asked for."""
        return self if identity is None or self.identity is not None else replace(self, identity=identity)


def owner_of(caller: Caller) -> Owner:
    """What this caller can see: a token its own user's notes, a key pair the whole tenant's."""
    return Owner(caller.tenant_id, caller.identity)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half-open: `start <= created_at < end`; None for no bound."""

    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Narrows a list; a note is in it when all of this is true of it.

    Attributes:
        tags: Custom tags that it has, with exactly these values.
        words: Words that its title and transcription hold, in any case, order and inflection.
        best_first: Whether a list narrowed by words begins with those that fit them best.
        title_part: Text that its title holds, in any case.
        plain_tags: Plain tags that it has, all of them.
        waiting: Whether notes are listed too that nobody has asked to transcribe yet.
    """

    status: NoteStatus | None = None
    created: TimeRange = TimeRange()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    words: str | None = None
    best_first: bool = False
    title_part: str | None = None
    plain_tags: Collection[str] = ()
    workspace_id: WorkspaceId | None = None
    waiting: bool = False
