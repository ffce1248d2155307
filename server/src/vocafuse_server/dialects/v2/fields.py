"""Kinds of field that v2's requests have."""

from datetime import datetime, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from vocafuse_server.core.compact_json import compact_size
from vocafuse_server.core.ids import WorkspaceId, parse_id, parse_uuid
from vocafuse_server.dialects.fields import JsonObject, printable, whole_number, within

MAX_METADATA_BYTES = 16 * 1024
MAX_URL_LENGTH = 2048
# Longer than anybody has spoken; a float of any size would be no duration.
MAX_DURATION_S = 10**9
MAX_OFFSET = 2**31 - 1


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if compact_size(metadata) > MAX_METADATA_BYTES:
        raise ValueError(f"must take at most {MAX_METADATA_BYTES} bytes as compact JSON")
    return metadata


def _workspace_id(text: str) -> str:
    if parse_uuid(text) is None:
        raise ValueError("must be a UUID")
    return text


def _number(value: object) -> object:
    if isinstance(value, int) and abs(value) > MAX_DURATION_S:
        raise ValueError(f"must be between 0 and {MAX_DURATION_S}")
    return value


def parse_workspace_id(text: str | None) -> WorkspaceId | None:
    """The id in a field of the type `WorkspaceText`."""
    return None if text is None else parse_id(WorkspaceId, text)


def split_tags(text: str) -> list[str]:
    """The tags in a comma-separated list; empty places in it are none."""
    return [tag for part in text.split(",") if (tag := part.strip())]


Metadata = Annotated[JsonObject, AfterValidator(_small)]
Duration = Annotated[float, BeforeValidator(_number), Field(ge=0, le=MAX_DURATION_S, allow_inf_nan=False)]
WorkspaceText = Annotated[
    str, AfterValidator(_workspace_id), WithJsonSchema({"type": "string", "format": "uuid"})
]
AudioUrl = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL_LENGTH),
    AfterValidator(printable),
    Field(json_schema_extra={"format": "uri", "pattern": "^https?://"}),
]
Offset = Annotated[
    int,
    BeforeValidator(whole_number),
    within(0, MAX_OFFSET),
    Field(json_schema_extra={"minimum": 0, "maximum": MAX_OFFSET}),
]


def wire_time(moment: datetime) -> str:
    """v2's form of a time: UTC, to the millisecond."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
