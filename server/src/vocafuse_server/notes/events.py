"""What webhooks are told of a note: the payloads, in both spellings."""

from collections.abc import Mapping

from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow
from vocafuse_server.webhooks.events import EventKind, Noun

# What the wire calls a status here; documents show `completed` for a transcribed note.
_STATUS = {NoteStatus.TRANSCRIBED: "completed"}


def note_payloads(
    note: Note, kind: EventKind, *, transcription: TranscriptionRow | None = None
) -> dict[Noun, Mapping[str, object]]:
    """The payload of an event about a note under each noun, without the event's name and time."""
    return {noun: _payload(note, kind, noun, transcription) for noun in Noun}


def _payload(
    note: Note, kind: EventKind, noun: Noun, transcription: TranscriptionRow | None
) -> dict[str, object]:
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
