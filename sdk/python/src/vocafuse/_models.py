"""Voice notes and what belongs to them, as the service returns them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, Literal

from vocafuse._items import Converters, Item, WireValue, item_or_none, items_of, parse_time

NoteStatus = Literal["created", "processing", "transcribed", "failed"]


class Word(Item):
    """One word of a transcription.

    Attributes:
        word: As it is written.
        start_time: When it begins, in seconds from the start of the audio.
        end_time: When it ends, in seconds.
        confidence: How sure the engine is, 0 to 1; None where it does not say.
    """

    _shown = ("word", "start_time", "end_time", "confidence")

    word: str
    start_time: float
    end_time: float
    confidence: float | None


class Segment(Item):
    """One stretch of speech, such as a sentence.

    Attributes:
        start: When it begins, in seconds from the start of the audio.
        end: When it ends, in seconds.
        text: What is said.
    """

    _shown = ("start", "end", "text")

    start: float
    end: float
    text: str


def parse_words(wire: WireValue) -> list[Word]:
    """The words of a transcription, which the wire carries as a string of JSON."""
    if isinstance(wire, str):
        try:
            wire = json.loads(wire)
        except ValueError:
            return []
    return items_of(Word, wire)


def parse_segments(wire: WireValue) -> list[Segment]:
    """The segments of a transcription; older servers send none."""
    return items_of(Segment, wire)


class Failure(Item):
    """Why a note has no transcription.

    Attributes:
        code: For programs, such as `AUDIO_TOO_LONG` or `UNSUPPORTED_AUDIO`.
        message: One sentence for people.
    """

    _shown = ("code", "message")

    code: str
    message: str


class MatchPart(Item):
    """A piece of a text that was searched.

    Attributes:
        text: Plain text, no markup.
        hit: Whether this is what was searched for.
    """

    _shown = ("text", "hit")

    text: str
    hit: bool


class Match(Item):
    """Where a note has what was searched for.

    Attributes:
        title: The title in parts; None if it has none of the words.
        snippet: The transcription around the first hit, in parts; None if it has none.
        start_time: When that hit was said, in seconds; None if that is not known.
    """

    _convert: ClassVar[Converters] = {
        "title": lambda wire: wire if wire is None else items_of(MatchPart, wire),
        "snippet": lambda wire: wire if wire is None else items_of(MatchPart, wire),
    }
    _shown = ("start_time",)

    title: list[MatchPart] | None
    snippet: list[MatchPart] | None
    start_time: float | None


class VoiceNote(Item):
    """A recording with its metadata.

    What is measured (duration, rates, codec) is None until the audio has been decoded.

    Attributes:
        id: Names the note in every call.
        tenant_id: The account that it belongs to.
        user_id: Your name for the end user that it belongs to, or None.
        title: Up to 255 characters.
        tags: Up to 50 texts to file it under.
        custom_tags: Up to 10 texts of your own under keys of your own; they come back in webhooks.
        original_filename: As it was uploaded.
        status: `created` (no audio yet), `processing`, `transcribed` or `failed`.
        failure: Why, when `status` is `failed`; else None.
        match: Where it has what was searched for, in lists with `q`; else None.
        duration_seconds: Length of the decoded audio.
        file_size_bytes: Size of the file.
        audio_format: Container, such as `webm`.
        audio_codec: Such as `opus`.
        sample_rate: In Hz.
        channels: 1 or 2, as a rule.
        bit_rate: In bits per second.
        s3_key: Where the object store has the audio.
        s3_bucket: In which bucket.
        features: Always None at present.
        client_ip: Who uploaded it.
        user_agent: With which program.
        upload_source: `recorder`, `sdk`, `api` or `url`.
        created_at: When it was made, an aware `datetime`.
        updated_at: When it changed last.
        processed_at: When its transcription was ready, or None.
        uri: Its path.
        subresource_uris: Path of its transcription; None on notes in lists.
    """

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "processed_at": parse_time,
        "failure": item_or_none(Failure),
        "match": item_or_none(Match),
    }

    id: str
    tenant_id: str
    user_id: str | None
    title: str | None
    tags: list[str] | None
    custom_tags: dict[str, str] | None
    original_filename: str | None
    status: NoteStatus
    failure: Failure | None
    match: Match | None
    duration_seconds: float | None
    file_size_bytes: int | None
    audio_format: str | None
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    bit_rate: int | None
    s3_key: str | None
    s3_bucket: str | None
    features: dict[str, Any] | None
    client_ip: str | None
    user_agent: str | None
    upload_source: str | None
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None
    uri: str
    subresource_uris: dict[str, str] | None


class Transcription(Item):
    """The text of a voice note.

    Attributes:
        id: Its own id, another after each run.
        voicenote_id: The note; None when it came by `client.recordings`.
        recording_id: The note; None when it came by `client.voicenotes`.
        tenant_id: The account.
        text: What is said; empty if nobody speaks.
        words: Each word with its time; the wire has them as a string of JSON, as does `["words"]`.
        segments: The text in stretches with their times.
        confidence: How sure the engine is, 0 to 1.
        language: English name in lower case, such as `german`; None if nobody speaks.
        provider: Which engine ran, such as `local`.
        model: Which model, such as `whisper-base`.
        processing_duration_ms: How long it took, in milliseconds.
        created_at: When it was made, an aware `datetime`.
        updated_at: When it changed last.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "words": parse_words,
        "segments": parse_segments,
    }
    _shown = ("id", "language", "text")

    id: str
    voicenote_id: str | None
    recording_id: str | None
    tenant_id: str
    text: str
    words: list[Word]
    segments: list[Segment]
    confidence: float | None
    language: str | None
    provider: str | None
    model: str | None
    processing_duration_ms: int | None
    created_at: datetime
    updated_at: datetime
    uri: str


class Event(Item):
    """Something that happened to a voice note.

    Attributes:
        id: Its place in the stream, for `last_event_id`; None on a `ready` that stands for none.
        type: `ready`, or `voicenote.` and `created`, `processing`, `transcribed`, `failed`, `updated`,
            `deleted` or `restored`. Others may come one day: ignore what you do not know.
        voicenote_id: The note; None on `ready`.
        created_at: When it happened, an aware `datetime`; None on `ready`.
        voicenote: The note as it is now, which may be later than the event; None if it is gone. On
            `ready` it is there when one note alone is followed.
        resumed: On `ready`: True if all that was missed follows, False if it is no longer known.
    """

    _convert: ClassVar[Converters] = {"created_at": parse_time, "voicenote": item_or_none(VoiceNote)}
    _shown = ("id", "type", "voicenote_id")

    id: str | None
    type: str
    voicenote_id: str | None
    created_at: datetime | None
    voicenote: VoiceNote | None
    resumed: bool | None
