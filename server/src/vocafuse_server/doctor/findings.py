"""What a check finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from vocafuse_server.core.settings import Settings

CHECK_NAMES = (
    *("python", "memory", "clock", "settings", "networks", "data", "ports"),
    *("database", "store", "limits", "model", "transcription"),
)
"""In the order in which one rests on another."""


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works, though perhaps not as it was meant."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        message: What was found, in one sentence.
        remedy: What to do; None if there is nothing to be done.
    """

    status: Status
    message: str
    remedy: str | None = None


Check = Callable[[Settings], Iterable[Finding]]


def ok(message: str) -> Finding:
    return Finding(Status.OK, message)


def warning(message: str, remedy: str) -> Finding:
    return Finding(Status.WARNING, message, remedy)


def failed(message: str, remedy: str) -> Finding:
    return Finding(Status.FAILED, message, remedy)


def first_line(error: BaseException) -> str:
    """What an error of somebody else's library says, as part of a sentence."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
