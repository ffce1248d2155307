"""What webhooks are told of a note: the payloads, in both spellings."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.queue import JobQueue
from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow
from vocafuse_server.webhooks.events import EventKind, Noun
from vocafuse_server.webhooks.outbox import announce

# What the wire calls a status here; documents show `completed` for a transcribed note.
_STATUS = {NoteStatus.TRANSCRIBED: "completed"}


async def announce_note(
    session: AsyncSession,
    queue: JobQueue,
    note: Note,
    kind: EventKind,
    *,
    now: datetime,
    transcription: TranscriptionRow | None = None,
) -> None:
    """Tell all who want to know what has happened to a note, in the session's transaction."""
    await announce(
        session,
        queue,
        tenant_id=note.tenant_id,
        note_id=note.id,
        kind=kind,
        payloads={noun: _payload(note, kind, noun, transcription) for noun in Noun},
        now=now,
    )


def _payload(
    note: Note, kind: EventKind, noun: Noun, transcription: TranscriptionRow | None
) -> Mapping[str, object]:
    body: dict[str, object] = {
        "id": str(note.id),
        "identity": note.identity,
        "status": _STATUS.get(note.status, note.status.value),
        "duration": note.duration_seconds,
        "created_at": int(note.created_at.timestamp()),
        "completed_at": int(note.processed_at.timestamp()) if note.processed_at else None,
        "custom_tags": note.custom_tags,
        "uri": f"/v1/{noun}s/{note.id}",
    }
    if transcription is not None:
        body["transcription"] = {
            "text": transcription.text,
            "confidence": transcription.confidence,
            "language": transcription.language,
        }
    payload: dict[str, object] = {noun.value: body}
    if kind is EventKind.FAILED:
        payload["error"] = {"code": "TRANSCRIPTION_FAILED", "message": note.failure_message}
    return payload
