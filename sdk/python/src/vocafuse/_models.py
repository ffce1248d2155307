"""What the service returns, as objects that still answer like the JSON they came from."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, TypeVar, cast

ItemT = TypeVar("ItemT", bound="Item")
NoteStatus = Literal["created", "processing", "transcribed", "failed"]
WebhookStatus = Literal["active", "disabled"]

# The wire decides what a decoded JSON value is, so its type is open, as it is for `json.loads`.
WireValue: TypeAlias = Any
Converters: TypeAlias = Mapping[str, Callable[[WireValue], object]]


class Item(Mapping[str, WireValue]):
    """One object of the service.

    `item["created_at"]` is the value as it came; `item.created_at` is the value as Python has it.
    Fields this version does not know are kept and answer to both. `to_dict()` gives the plain JSON.
    """

    _convert: ClassVar[Converters] = {}
    _shown: ClassVar[tuple[str, ...]] = ("id", "status")

    def __init__(self, wire: Mapping[str, WireValue]) -> None:
        self._wire = dict(wire)

    def __getitem__(self, key: str) -> WireValue:
        return self._wire[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wire)

    def __len__(self) -> int:
        return len(self._wire)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self._wire[name]!r}" for name in self._shown if name in self._wire)
        return f"{type(self).__name__}({shown})"

    def to_dict(self) -> dict[str, WireValue]:
        """A copy of the JSON object as the service sent it."""
        return copy.deepcopy(self._wire)

    def _attribute(self, name: str) -> object:
        # Without the check, a copy made before `__init__` ran would look itself up for ever.
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._wire and name not in type(self).__annotations__:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        value = self._wire.get(name)
        convert = self._convert.get(name)
        return value if convert is None else convert(value)

    if not TYPE_CHECKING:
        # Hidden from type checkers, which would otherwise accept every misspelt attribute.
        def __getattr__(self, name: str) -> object:
            return self._attribute(name)


def parse_time(text: str | None) -> datetime | None:
    """A time of the wire, which is UTC when it names no zone."""
    if text is None:
        return None
    # Python 3.10 does not read the "Z".
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def items_of(model: type[ItemT], values: WireValue) -> list[ItemT]:
    """The objects in a decoded JSON list; anything else holds none."""
    if not isinstance(values, list):
        return []
    entries = cast("list[object]", values)
    return [model(cast("dict[str, Any]", entry)) for entry in entries if isinstance(entry, dict)]


class Word(Item):
    """One word with its place in the audio, in seconds."""

    _shown = ("word", "start_time", "end_time", "confidence")

    word: str
    start_time: float
    end_time: float
    confidence: float | None


class Segment(Item):
    """One stretch of speech with its place in the audio, in seconds."""

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


class VoiceNote(Item):
    """A recording with its metadata."""

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "processed_at": parse_time,
    }

    id: str
    tenant_id: str
    user_id: str | None
    original_filename: str | None
    s3_key: str | None
    s3_bucket: str | None
    duration_seconds: float | None
    file_size_bytes: int | None
    audio_format: str | None
    sample_rate: int | None
    channels: int | None
    bit_rate: int | None
    audio_codec: str | None
    status: NoteStatus
    features: dict[str, Any] | None
    client_ip: str | None
    user_agent: str | None
    upload_source: str | None
    custom_tags: dict[str, str] | None
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None
    uri: str
    subresource_uris: dict[str, str] | None


class Transcription(Item):
    """The text of a voice note."""

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
    confidence: float | None
    language: str | None
    provider: str | None
    model: str | None
    processing_duration_ms: int | None
    words: list[Word]
    segments: list[Segment]
    created_at: datetime
    updated_at: datetime
    uri: str


class Webhook(Item):
    """A subscription to events. `secret` is there only in the answer to its creation."""

    _convert: ClassVar[Converters] = {"created_at": parse_time, "updated_at": parse_time}
    _shown = ("id", "url", "events", "status")

    id: str
    url: str
    events: list[str]
    secret: str | None
    status: WebhookStatus
    created_at: datetime
    updated_at: datetime
    uri: str
