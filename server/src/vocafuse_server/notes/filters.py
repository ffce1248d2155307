"""Which notes are asked for."""

from dataclasses import dataclass
from datetime import datetime

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.core.ids import TenantId
from vocafuse_server.notes.models import NoteStatus


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose notes can be seen at all: a tenant's, or one of its users'."""

    tenant_id: TenantId
    identity: str | None


def owner_of(caller: Caller) -> Owner:
    """What this caller can see: a token its own user's notes, a key pair the whole tenant's."""
    return Owner(caller.tenant_id, caller.identity)


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Narrows a list; times are half-open: `created_from <= created_at < created_before`."""

    status: NoteStatus | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    identity: str | None = None
