"""v2's bodies: what is asked and what is answered, field for field in the published order."""

from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from vocafuse_server.core.database import JsonObject as JsonData
from vocafuse_server.dialects.fields import RequestBody, ShortText, Tags
from vocafuse_server.dialects.media_types import content_type
from vocafuse_server.dialects.v2.fields import (
    AudioUrl,
    Duration,
    Metadata,
    WorkspaceText,
    wire_time,
)
from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow

DEFAULT_MIME_TYPE = "audio/webm"

Status = Literal["created", "processing", "completed", "failed"]
STATUS_NAMES: dict[NoteStatus, Status] = {
    NoteStatus.CREATED: "created",
    NoteStatus.PROCESSING: "processing",
    NoteStatus.TRANSCRIBED: "completed",
    NoteStatus.FAILED: "failed",
}


def _without_empty_defaults(schema: JsonDict) -> None:
    """What stands for "not given" here is no value that a client may send."""
    for field in cast("dict[str, JsonDict]", schema["properties"]).values():
        if field.get("default") == "":
            del field["default"]


def _of_a_change(schema: JsonDict) -> None:
    fields = cast("dict[str, JsonDict]", schema["properties"])
    for field in fields.values():
        field.pop("default", None)
    schema["anyOf"] = [{"required": [name]} for name in fields]


class CreateRequest(RequestBody):
    model_config = ConfigDict(json_schema_extra=_without_empty_defaults)

    audioUrl: AudioUrl = Field(  # noqa: N815 - published so, as are the others
        description="The `audio_url` of an upload of yours whose bytes have arrived, or an http(s) URL"
        " that is fetched when transcription is asked for."
    )
    title: ShortText = Field(default="", description="Default: `Voice Note` and the time.")
    duration: Duration = 0
    mimeType: ShortText = DEFAULT_MIME_TYPE  # noqa: N815
    metadata: Metadata = Field(default_factory=JsonData)
    tags: Tags = Field(default_factory=list[str])
    workspaceId: WorkspaceText = ""  # noqa: N815


class UpdateRequest(RequestBody):
    """At least one of the three is needed; each replaces what there was."""

    model_config = ConfigDict(json_schema_extra=_of_a_change)

    title: ShortText = ""
    tags: Tags = Field(default_factory=list[str])
    metadata: Metadata = Field(default_factory=JsonData)


class _Note(BaseModel):
    id: str
    user_id: str
    workspace_id: str | None
    title: str
    audio_url: str
    duration: int | float
    mime_type: str
    metadata: JsonData
    tags: list[str]
    status: Status


class _Times(BaseModel):
    created_at: str
    updated_at: str


class Segment(BaseModel):
    start: float
    end: float
    text: str


class _Transcript(BaseModel):
    transcript: str | None = Field(description="Null unless the status is `completed`.")
    transcript_segments: list[Segment] | None = Field(description="Null unless the status is `completed`.")


# Fields come in the order of the bases, the last one's first.
class VoiceNote(_Times, _Note):
    """A voice note, but for what is said in it."""


class VoiceNoteWithTranscript(_Times, _Transcript, _Note):
    """A voice note by itself."""


class VoiceNoteAnswer(BaseModel):
    success: Literal[True] = True
    voiceNote: VoiceNote  # noqa: N815


class VoiceNoteDetailAnswer(BaseModel):
    success: Literal[True] = True
    voiceNote: VoiceNoteWithTranscript  # noqa: N815


class VoiceNotesAnswer(BaseModel):
    success: Literal[True] = True
    voiceNotes: list[VoiceNote]  # noqa: N815
    total: int
    limit: int
    offset: int


class MessageAnswer(BaseModel):
    success: Literal[True] = True
    message: str


class QueuedAnswer(BaseModel):
    success: Literal[True] = True
    message: str
    status: Status
    voiceNoteId: str  # noqa: N815


class TranscriptAnswer(BaseModel):
    success: Literal[True] = True
    voiceNoteId: str  # noqa: N815
    title: str
    transcript: str
    segments: list[Segment]
    status: Status


def voice_note(note: Note, *, base_url: str) -> VoiceNote:
    """A note as lists show it."""
    return VoiceNote(
        id=str(note.id),
        # What nobody in particular recorded is the account's own.
        user_id=note.identity or str(note.tenant_id),
        workspace_id=None if note.workspace_id is None else str(note.workspace_id),
        title=note.title,
        audio_url=note.source_url or f"{base_url}/v1/voicenotes/{note.id}/audio",
        duration=_seconds(note),
        mime_type=note.mime_type or content_type(note.audio_format, default=DEFAULT_MIME_TYPE),
        metadata=note.free_metadata,
        tags=note.tags,
        status=STATUS_NAMES[note.status],
        created_at=wire_time(note.created_at),
        updated_at=wire_time(note.updated_at),
    )


def voice_note_with_transcript(
    note: Note, row: TranscriptionRow | None, *, base_url: str
) -> VoiceNoteWithTranscript:
    """A note as it is shown by itself."""
    return VoiceNoteWithTranscript(
        **voice_note(note, base_url=base_url).model_dump(),
        transcript=None if row is None else row.text,
        transcript_segments=None if row is None else segments(row),
    )


def segments(row: TranscriptionRow) -> list[Segment]:
    return [Segment.model_validate(segment) for segment in row.segments]


def _seconds(note: Note) -> int | float:
    """As measured once the note is transcribed, until then as the client said; whole ones as integers."""
    declared = note.declared_duration_seconds or 0.0
    measured = note.duration_seconds if note.status is NoteStatus.TRANSCRIBED else None
    seconds = declared if measured is None else measured
    return int(seconds) if seconds.is_integer() else seconds
