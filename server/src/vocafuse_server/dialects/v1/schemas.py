"""v1's bodies: what is asked and what is answered, field for field in the published order."""

import json
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
)

from vocafuse_server.accounts.scopes import TOKEN_SCOPE_NAMES
from vocafuse_server.core.database import JsonObject as JsonData
from vocafuse_server.dialects.fields import JsonObject, Language, RequestBody, ShortText
from vocafuse_server.dialects.v1.fields import ExpiresIn, wire_time, wire_time_or_none
from vocafuse_server.dialects.v1.vocabulary import Vocabulary
from vocafuse_server.notes.models import Note, NoteStatus, ShownNote, TranscriptionRow
from vocafuse_server.notes.search_text import Match
from vocafuse_server.transcription.languages import language_name


def one_or_more(names: Iterable[str]) -> dict[str, Any]:
    """JSON Schema of a list of some of these names, to be merged into that of a list."""
    return {"minItems": 1, "items": {"type": "string", "enum": [str(name) for name in names]}}


TokenScopes = Annotated[list[str], Field(json_schema_extra=one_or_more(TOKEN_SCOPE_NAMES))]


def _names(field: str) -> dict[str, Any]:
    return {"required": [field], "properties": {field: {"type": "string"}}}


class TokenRequest(RequestBody):
    model_config = ConfigDict(json_schema_extra={"anyOf": [_names("user_id"), _names("identity")]})

    user_id: ShortText | None = None
    identity: ShortText | None = Field(default=None, description="Another name for `user_id`.")
    expires_in: ExpiresIn | None = Field(
        default=None, description="Seconds the token is good for, 60 to 86400; default 3600."
    )
    scopes: TokenScopes | None = Field(default=None, description="Default: upload and read.")


class TokenData(BaseModel):
    jwt_token: str
    id_token: str
    token_type: str
    expires_in: int
    tenant_id: str
    scopes: list[str]


class TokenResponse(BaseModel):
    success: bool
    token: str
    message: str
    data: TokenData


class UploadRequest(RequestBody):
    file_name: ShortText
    file_size: Annotated[int, Field(ge=0)] | None = None
    audio_format: Annotated[str, Field(max_length=64)] | None = None
    duration_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    use_multipart: bool | None = None
    sdk_metadata: JsonObject | None = None
    custom_tags: dict[str, Any] | None = None
    language: Language = None
    user_id: ShortText | None = None


class TranscribeRequest(RequestBody):
    language: Language = Field(
        default=None, description="What is spoken; not given: what was asked for before, or detected."
    )


class UploadResponse(BaseModel):
    voicenote_id: str
    recording_id: str
    upload_type: str
    presigned_url: str
    s3_key: str
    audio_url: str
    expires_in: int
    processing_strategy: str
    client_processed: bool
    message: str


class Failure(BaseModel):
    code: str
    message: str


class MatchPart(BaseModel):
    text: str
    hit: bool = Field(description="Whether this is what was searched for.")


class MatchBody(BaseModel):
    """Where a note has what was searched for; plain text in parts, so that nothing in it is markup."""

    title: list[MatchPart] | None = Field(description="The title; null if it has none of the words.")
    snippet: list[MatchPart] | None = Field(
        description="The transcription around the first hit; null if it has none."
    )
    start_time: float | None = Field(description="When that hit was said, in seconds; null if not known.")


_RARE = ("failure", "match")


class NoteBody(BaseModel):
    """A note in a list."""

    id: str
    tenant_id: str
    user_id: str | None
    original_filename: str
    s3_key: str
    s3_bucket: str
    duration_seconds: float | None
    file_size_bytes: int | None
    audio_format: str | None
    sample_rate: int | None
    channels: int | None
    bit_rate: int | None
    audio_codec: str | None
    status: str
    features: JsonData | None
    client_ip: str | None
    user_agent: str | None
    upload_source: str | None
    custom_tags: dict[str, str] | None
    created_at: str
    updated_at: str
    processed_at: str | None
    uri: str
    title: str
    tags: list[str]
    failure: Failure | None = Field(default=None, description="Only on failed notes: why.")
    match: MatchBody | None = Field(
        default=None, description="Only in lists with `q`: where it has the words."
    )

    @model_serializer(mode="wrap")
    def _without_what_is_not_so(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        body: dict[str, object] = handler(self)
        return {name: value for name, value in body.items() if value is not None or name not in _RARE}


class NoteDetail(NoteBody):
    """A note by itself."""

    subresource_uris: dict[str, str]


class Segment(BaseModel):
    start: float
    end: float
    text: str


def transcription_model(name: str, foreign_key: str) -> type[BaseModel]:
    """The schema of a transcription that calls its note's id `foreign_key`."""
    fields: dict[str, Any] = {
        "id": (str, ...),
        foreign_key: (str, ...),
        "tenant_id": (str, ...),
        "text": (str, ...),
        "confidence": (float, ...),
        "language": (str | None, ...),
        "provider": (str, ...),
        "model": (str, ...),
        "processing_duration_ms": (int, ...),
        "words": (
            str,
            Field(description="JSON text: a list of `word`, `start_time`, `end_time`, `confidence`."),
        ),
        "segments": (list[Segment], ...),
        "created_at": (str, ...),
        "updated_at": (str, ...),
        "uri": (str, ...),
    }
    return create_model(name, **fields)


def note_body(note: Note, words: Vocabulary, *, bucket: str, match: Match | None = None) -> NoteBody:
    """A note as lists show it."""
    return NoteBody(**_note_fields(note, words, bucket), match=match and _match_body(match))


def _match_body(match: Match) -> MatchBody:
    title, snippet = (
        None if parts is None else [MatchPart(text=part.text, hit=part.hit) for part in parts]
        for parts in (match.title, match.snippet)
    )
    return MatchBody(title=title, snippet=snippet, start_time=match.start_s)


def note_detail(note: Note | ShownNote, words: Vocabulary, *, bucket: str) -> NoteDetail:
    """A note as it is shown by itself."""
    uris = {"transcription": words.transcription_uri(note.id)}
    return NoteDetail(**_note_fields(note, words, bucket), subresource_uris=uris)


def _note_fields(note: Note | ShownNote, words: Vocabulary, bucket: str) -> dict[str, Any]:
    failed = note.status is NoteStatus.FAILED
    return {
        "id": str(note.id),
        "tenant_id": str(note.tenant_id),
        "user_id": note.identity,
        "original_filename": note.original_filename,
        "s3_key": note.audio_key,
        "s3_bucket": bucket,
        "duration_seconds": note.duration_seconds,
        "file_size_bytes": note.file_size_bytes,
        "audio_format": note.audio_format,
        "sample_rate": note.sample_rate,
        "channels": note.channels,
        "bit_rate": note.bit_rate,
        "audio_codec": note.audio_codec,
        "status": note.status.value,
        "features": None,
        "client_ip": note.client_ip,
        "user_agent": note.user_agent,
        "upload_source": note.upload_source.value,
        "custom_tags": note.custom_tags,
        "created_at": wire_time(note.created_at),
        "updated_at": wire_time(note.updated_at),
        "processed_at": wire_time_or_none(note.processed_at),
        "uri": words.uri(note.id),
        "title": note.title,
        "tags": note.tags,
        "failure": Failure(code=note.failure_code or "", message=note.failure_message or "")
        if failed
        else None,
    }


def transcription_body(row: TranscriptionRow, words: Vocabulary) -> dict[str, object]:
    """A transcription on the wire; `words` is a string of JSON there, as published."""
    return {
        "id": str(row.id),
        words.foreign_key: str(row.note_id),
        "tenant_id": str(row.tenant_id),
        "text": row.text,
        "confidence": row.confidence,
        "language": language_name(row.language) if row.language else None,
        "provider": row.provider,
        "model": row.model,
        "processing_duration_ms": row.processing_duration_ms,
        "words": json.dumps(row.words, ensure_ascii=False),
        "segments": row.segments,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
        "uri": words.transcription_uri(row.note_id),
    }
