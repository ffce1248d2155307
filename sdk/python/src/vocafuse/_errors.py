"""The exceptions that this library raises, all under `VocaFuseError`."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# The server limits by the minute, so this is right when it does not say how long to wait.
DEFAULT_RETRY_AFTER_S = 60


class VocaFuseError(Exception):
    """Base of every error of this library.

    Attributes:
        message: One sentence for people.
        status_code: The HTTP status, or None when no answer was received.
        code: The service's own number for the error, such as 3001.
        details: What the service adds, such as `field` and `reason`.
        request_id: Names the call in the server's log.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        code: int | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.code = code
        self.details: dict[str, Any] = dict(details or {})
        self.request_id = request_id

    def __str__(self) -> str:
        facts = (("HTTP", self.status_code), ("code", self.code), ("request", self.request_id))
        known = ", ".join(f"{label} {fact}" for label, fact in facts if fact is not None)
        return f"{self.message} ({known})" if known else self.message


class AuthenticationError(VocaFuseError):
    """The key pair or token is missing, wrong, expired or revoked."""


class CredentialsError(AuthenticationError):
    """No usable key pair was found on this side, so nothing was sent."""


class AuthorizationError(VocaFuseError):
    """The credentials are valid but lack the scope for this call."""


class ValidationError(VocaFuseError):
    """The request, or an argument given to this library, is not acceptable."""


class NotFoundError(VocaFuseError):
    """The resource does not exist, or its transcription is not there (yet)."""


class ConflictError(VocaFuseError):
    """The call contradicts what exists already, such as a webhook for the same URL."""


class RateLimitError(VocaFuseError):
    """Too many calls.

    Attributes:
        retry_after: Seconds to wait before the next try; always a number.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        code: int | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, status_code, code, details, request_id)
        self.retry_after: float = DEFAULT_RETRY_AFTER_S if retry_after is None else retry_after


class ServerError(VocaFuseError):
    """The service failed (5xx); the same call may succeed later."""


class APIConnectionError(VocaFuseError, builtins.ConnectionError):
    """The service could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError, builtins.TimeoutError):
    """The service did not answer in time."""


class TranscriptionFailedError(VocaFuseError):
    """The service gave up on transcribing the audio; the message says why."""


class WaitTimeoutError(VocaFuseError, builtins.TimeoutError):
    """The transcription was not ready within the time given to `wait`; it still goes on."""
