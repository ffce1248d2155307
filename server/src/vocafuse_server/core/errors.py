"""The errors a client can be told of: one hierarchy, rendered by one handler per dialect.

Every error carries what goes on the wire as class attributes; the subclasses that belong to a
feature live beside it.
"""

from collections.abc import Mapping
from typing import ClassVar


class StartupError(Exception):
    """The program can't start or go on; the message is one sentence for the person who started it."""


class ApiError(Exception):
    """Base of all errors that end up in a response body.

    Attributes:
        status: HTTP status.
        code: The published numeric code.
        name: The published name, upper case.
        type: The exception class a client library raises for it.
        retry_after_s: After how many seconds the same request may succeed, where that can be said.
        details: What is wrong with which field, where that can be said.
    """

    status: ClassVar[int] = 500
    code: ClassVar[int] = 5001
    name: ClassVar[str] = "INTERNAL_ERROR"
    type: ClassVar[str] = "ServerError"
    default_message: ClassVar[str] = "Something went wrong on our side. Try again later."
    retry_after_s: int | None = None

    def __init__(self, message: str | None = None, *, details: Mapping[str, object] | None = None) -> None:
        self.message = message or self.default_message
        self.details: dict[str, object] = dict(details or {})
        super().__init__(self.message)


class ServiceUnavailable(ApiError):
    status = 503
    code = 5003
    name = "SERVICE_UNAVAILABLE"
    retry_after_s = 1
    default_message = "The service is not ready. Try again in a moment."


class InvalidRequest(ApiError):
    status = 400
    code = 2001
    name = "INVALID_REQUEST"
    type = "ValidationError"
    default_message = "The request could not be understood."


class MissingField(InvalidRequest):
    def __init__(self, field: str, *, where: str = "request body") -> None:
        super().__init__(
            f"{field} is required in {where}",
            details={"field": field, "reason": "missing required field"},
        )


class InvalidField(ApiError):
    status = 400
    code = 2003
    name = "INVALID_FIELD_VALUE"
    type = "ValidationError"

    def __init__(self, field: str, reason: str, *, value: object = None) -> None:
        details: dict[str, object] = {"field": field, "reason": reason}
        if value is not None:
            details["value"] = _shown(value)
        super().__init__(f"{field} {reason}", details=details)


class PayloadTooLarge(ApiError):
    status = 413
    code = 2004
    name = "PAYLOAD_TOO_LARGE"
    type = "ValidationError"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"This is larger than the {max_bytes / 1024 / 1024:g} MiB allowed.",
            details={"max_bytes": max_bytes},
        )


class UnsupportedAudioError(ApiError):
    status = 400
    code = 2005
    name = "UNSUPPORTED_AUDIO"
    type = "ValidationError"
    default_message = "This is not an audio file we can read. Send webm, ogg, mp4/m4a, mp3, wav, flac or aac."


class NotFound(ApiError):
    status = 404
    code = 3000
    name = "NOT_FOUND"
    type = "NotFoundError"
    default_message = "There is nothing at this address."


class MethodNotAllowed(ApiError):
    status = 405
    code = 3006
    name = "METHOD_NOT_ALLOWED"
    type = "ValidationError"
    default_message = "This method is not allowed here."


class Conflict(ApiError):
    status = 409
    code = 3009
    name = "CONFLICT"
    type = "ConflictError"


def _shown(value: object) -> str:
    """The offending value as text that any answer can hold, cut so that none echoes a whole body."""
    text = value if isinstance(value, str) else repr(value)
    encodable = text[:101].encode("utf-8", "backslashreplace").decode()
    return encodable if len(text) <= 100 else f"{encodable[:100]}…"
