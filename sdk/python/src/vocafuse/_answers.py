"""What comes back from a call, and how it is read: no I/O here."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import datetime, timezone
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from vocafuse._errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    AuthorizationError,
    ConflictError,
    NotFoundError,
    RateLimitError,
    ServerError,
    ValidationError,
    VocaFuseError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_QUOTED_CHARACTERS = 200

_BY_TYPE: Mapping[str, type[VocaFuseError]] = {
    error.__name__: error
    for error in (
        AuthenticationError,
        AuthorizationError,
        ConflictError,
        NotFoundError,
        RateLimitError,
        ServerError,
        ValidationError,
    )
}
_BY_STATUS: Mapping[int, type[VocaFuseError]] = {
    400: ValidationError,
    401: AuthenticationError,
    403: AuthorizationError,
    404: NotFoundError,
    405: ValidationError,
    409: ConflictError,
    413: ValidationError,
    422: ValidationError,
    429: RateLimitError,
}


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def request_id(self) -> str | None:
        return self.headers.get("x-request-id")


@dataclass(frozen=True)
class Failure:
    """A call without an answer."""

    message: str
    timed_out: bool = False
    repeatable: bool = True
    cause: Exception | None = field(default=None, repr=False)


def error_for_failure(failure: Failure) -> APIConnectionError:
    """The exception for a call that got no answer, with what the transport said as its cause."""
    error = (APITimeoutError if failure.timed_out else APIConnectionError)(failure.message)
    error.__cause__ = failure.cause
    return error


def read_json(answer: Answer) -> dict[str, Any]:
    """The JSON object in a successful answer.

    Raises:
        VocaFuseError: It holds something else, as when `base_url` leads to another site.
    """
    found = _find_object(answer.body)
    if found is None:
        raise VocaFuseError(
            "The answer is not a JSON object; check that base_url leads to the voice notes API.",
            answer.status,
            request_id=answer.request_id,
        )
    return found


def error_for_answer(answer: Answer) -> VocaFuseError:
    """The exception for an answer outside 2xx, whatever its body holds."""
    body = _find_object(answer.body) or {}
    wire: Any = body.get("error")
    # The second dialect, and proxies, answer with a text where this one has an object.
    error = (
        cast("dict[str, Any]", wire) if isinstance(wire, dict) else {"message": body.get("message") or wire}
    )
    details: Any = error.get("details")
    details = cast("dict[str, Any]", details) if isinstance(details, dict) else {}
    message, code, request_id = error.get("message"), error.get("code"), error.get("request_id")
    shared = (
        message if isinstance(message, str) and message else _describe(answer),
        answer.status,
        code if isinstance(code, int) else None,
        details,
        request_id if isinstance(request_id, str) else answer.request_id,
    )
    kind = _error_class(error.get("type"), answer.status)
    if issubclass(kind, RateLimitError):
        return kind(*shared, retry_after=_first_wait(answer, details))
    return kind(*shared)


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header: a number or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    try:
        wait_s = int(text) if text.strip().isdecimal() else float(text)
    except ValueError:
        return _seconds_until(text, now)
    return max(0, wait_s) if math.isfinite(wait_s) else None


def _seconds_until(text: str, now: datetime) -> float | None:
    # Loaded here: it takes longer to load than the rest of this module, and few answers hold a date.
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - now).total_seconds())


def _first_wait(answer: Answer, details: Mapping[str, Any]) -> float | None:
    header = parse_retry_after(answer.headers.get("retry-after"), datetime.now(timezone.utc))
    if header is not None:
        return header
    stated = details.get("retry_after")
    return parse_retry_after(str(stated), datetime.now(timezone.utc)) if stated is not None else None


def _error_class(wire_type: object, status: int) -> type[VocaFuseError]:
    if isinstance(wire_type, str) and wire_type in _BY_TYPE:
        return _BY_TYPE[wire_type]
    return ServerError if status >= 500 else _BY_STATUS.get(status, VocaFuseError)


def _describe(answer: Answer) -> str:
    try:
        reason = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        reason = str(answer.status)
    if not answer.headers.get("content-type", "").startswith("text/plain"):
        return f"The server answered {reason}"
    text = " ".join(answer.body.decode(errors="replace").split())[:MAX_QUOTED_CHARACTERS]
    return f"The server answered {reason}: {text}" if text else f"The server answered {reason}"


def _find_object(body: bytes) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
