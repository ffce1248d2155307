"""Kinds of field that requests of all dialects share."""

import math
import re
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from vocafuse_server.core.pages import DEFAULT_LIMIT, MAX_LIMIT
from vocafuse_server.transcription.engine import UnknownLanguage
from vocafuse_server.transcription.languages import language_code

# Postgres can't store NUL or half a surrogate pair; other control characters have no place in a name.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
# The same for OpenAPI; surrogates are nothing that JSON text should hold anyway.
PRINTABLE: JsonDict = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
_INTEGER = re.compile(r"-?[0-9]+")
MAX_METADATA_DEPTH = 20
MAX_TAGS = 50
MAX_TAG_LENGTH = 64


class RequestBody(BaseModel):
    """Unknown fields are ignored, since real clients send extra ones; wrong types are refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


def printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not hold control characters")
    return text


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    _check_storable(value, depth=0)
    return value


def _check_storable(value: object, *, depth: int) -> None:
    if depth > MAX_METADATA_DEPTH:
        raise ValueError(f"must not be nested deeper than {MAX_METADATA_DEPTH} levels")
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise ValueError("must not hold NUL characters or broken Unicode")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must not hold numbers that JSON doesn't have")
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for part in (*members.keys(), *members.values()):
            _check_storable(part, depth=depth + 1)
    if isinstance(value, list):
        for part in cast("list[object]", value):
            _check_storable(part, depth=depth + 1)


def _language(text: str) -> str | None:
    if not text:
        return None  # Forms and careless clients send what wasn't filled in.
    try:
        return language_code(text)
    except UnknownLanguage as error:
        raise ValueError("must be a language that Whisper knows, as a code like 'en' or a name") from error


def whole_number(value: object) -> object:
    """Python reads more as a number than people write as one: `1_0`, ` 10 `, `1.0`."""
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError("must be an integer")
    return value


def within(low: int, high: int) -> AfterValidator:
    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"must be between {low} and {high}")
        return number

    return AfterValidator(check)


ShortText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(printable),
    Field(json_schema_extra=PRINTABLE),
]
Tag = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_TAG_LENGTH),
    AfterValidator(printable),
    Field(json_schema_extra=PRINTABLE),
]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]
Language = Annotated[str | None, AfterValidator(_language)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
PageLimit = Annotated[
    int,
    BeforeValidator(whole_number),
    within(1, MAX_LIMIT),
    Field(json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
]
