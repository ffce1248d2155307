"""Identifiers: UUID version 7, so that rows sort by the time they were made."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import NewType, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

TenantId = NewType("TenantId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
NoteId = NewType("NoteId", UUID)
TranscriptionId = NewType("TranscriptionId", UUID)
WebhookId = NewType("WebhookId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
WorkspaceId = NewType("WorkspaceId", UUID)
DictationId = NewType("DictationId", UUID)

Id = TypeVar("Id")


def new_uuid() -> UUID:
    """A fresh UUIDv7."""
    return uuid7()


def parse_uuid(text: str) -> UUID | None:
    """The UUID written in `text`, in the usual form; None for anything else."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


def parse_id(kind: Callable[[UUID], Id], text: str) -> Id | None:
    """The id of a kind, such as `NoteId`; None for anything that can't be one: it is simply unknown."""
    found = parse_uuid(text)
    return None if found is None else kind(found)


def made_at(made: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, timezone.utc)
