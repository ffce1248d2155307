"""Kinds of field that several of v1's requests share."""

import re
from datetime import datetime, timedelta, timezone
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.keys import MAX_TOKEN_SECONDS
from vocafuse_server.core.pages import MAX_PAGE
from vocafuse_server.dialects.fields import printable, whole_number, within

# An address is proved by sending to it; this keeps out what can't be one. Empty: none.
_EMAIL = re.compile(r"|[^@\s]+@[^@\s]+")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueError("must be an email address")
    return printable(text)


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
ExpiresIn = Annotated[
    int, within(60, MAX_TOKEN_SECONDS), Field(json_schema_extra={"minimum": 60, "maximum": MAX_TOKEN_SECONDS})
]
PageNumber = Annotated[
    int,
    BeforeValidator(whole_number),
    within(0, MAX_PAGE),
    Field(json_schema_extra={"minimum": 0, "maximum": MAX_PAGE}),
]


def wire_time(moment: datetime) -> str:
    """v1's form of a time: UTC without a zone, to the second."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds")


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
        reason = "must be an ISO 8601 date or date-time, like 2025-10-01"
        raise InvalidField(field, reason, value=text) from error
