"""Kinds of field that several requests share."""

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic.config import JsonDict

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.pages import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE
from vocafuse_server.transcription.engine import UnknownLanguage
from vocafuse_server.transcription.languages import language_code

# Postgres can't store NUL or half a surrogate pair; other control characters have no place in a name.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
# An address is proved by sending to it; this keeps out what can't be one. Empty: none.
_EMAIL = re.compile(r"|[^@\s]+@[^@\s]+")
# The same for OpenAPI; surrogates are nothing that JSON text should hold anyway.
_PRINTABLE: JsonDict = {"pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}
_INTEGER = re.compile(r"-?[0-9]+")
MAX_METADATA_DEPTH = 20


def _printable(text: str) -> str:
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


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("must be an email address")
    return _printable(text)


def _language(text: str) -> str | None:
    if not text:
        return None  # Forms and careless clients send what wasn't filled in.
    try:
        return language_code(text)
    except UnknownLanguage as error:
        raise ValueError("must be a language that Whisper knows, as a code like 'en' or a name") from error


def _whole_number(value: object) -> object:
    """Python reads more as a number than people write as one: `1_0`, ` 10 `, `1.0`."""
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError("must be an integer")
    return value


def _within(low: int, high: int) -> AfterValidator:
    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"must be between {low} and {high}")
        return number

    return AfterValidator(check)


ShortText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_printable),
    Field(json_schema_extra=_PRINTABLE),
]
Moment = Annotated[str, Field(json_schema_extra={"anyOf": [{"format": "date"}, {"format": "date-time"}]})]
Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_email),
    Field(
        json_schema_extra={
            "pattern": r"^$|^[^@\s\u0000-\u001f\u007f-\u009f]+@[^@\s\u0000-\u001f\u007f-\u009f]+$"
        }
    ),
]
JsonObject = Annotated[dict[str, Any], AfterValidator(_storable)]
Language = Annotated[str | None, AfterValidator(_language)]
ExpiresIn = Annotated[int, _within(60, 86_400), Field(json_schema_extra={"minimum": 60, "maximum": 86_400})]
PageNumber = Annotated[
    int,
    BeforeValidator(_whole_number),
    _within(0, MAX_PAGE),
    Field(json_schema_extra={"minimum": 0, "maximum": MAX_PAGE}),
]
PageLimit = Annotated[
    int,
    BeforeValidator(_whole_number),
    _within(1, MAX_LIMIT),
    Field(json_schema_extra={"minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
]


def wire_time(moment: datetime) -> str:
    """v1's form of a time: UTC without a zone, to the second."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def wire_time_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else wire_time(moment)


def parse_from(field: str, text: str) -> datetime:
    """The beginning of the day or moment that `text` names; UTC unless it says otherwise.

    Raises:
        InvalidField: It names none.
    """
    return _parse_moment(field, text)


def parse_before(field: str, text: str) -> datetime:
    """The first moment that is no longer in the day or second that `text` names.

    Times are shown to the second, so a whole second is meant whole.

    Raises:
        InvalidField: It names none.
    """
    moment = _parse_moment(field, text)
    is_day = len(text) <= len("2025-10-01")
    if is_day:
        step = timedelta(days=1)
    else:
        step = timedelta(microseconds=1) if moment.microsecond else timedelta(seconds=1)
    try:
        return moment + step
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)


def _parse_moment(field: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise _bad_date(field, text) from error


def _bad_date(field: str, text: str) -> InvalidField:
    return InvalidField(field, "must be an ISO 8601 date or date-time, like 2025-10-01", value=text)
