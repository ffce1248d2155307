"""What goes wrong with notes.

Messages name the resource and say "transcription" where it is about one: published clients choose
the exception class by those words. The dialect puts "Recording" where its vocabulary says so.
"""

from typing import TypeVar

from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.core.errors import ApiError, Conflict, NotFound

_READER_RETRY_S = 30

Found = TypeVar("Found")


class NoteNotFound(NotFound):
    code = 3001
    name = "VOICENOTE_NOT_FOUND"
    default_message = "Voice note not found"


def existing(found: Found | None) -> Found:
    """The note that was looked for, or whatever was to come of it; raises NoteNotFound if there is none."""
    if found is None:
        raise NoteNotFound
    return found


class TranscriptionNotReady(NotFound):
    code = 3002
    name = "TRANSCRIPTION_NOT_READY"
    default_message = "The transcription is not ready yet."


class TranscriptionFailed(NotFound):
    code = 3003
    name = "TRANSCRIPTION_FAILED"


class AudioAlreadyUploaded(Conflict):
    default_message = "The audio of this note has arrived already."


class AudioNotArrived(Conflict):
    default_message = "The audio has not arrived yet. Once it has, the transcription starts by itself."


class UploadInterrupted(ApiError):
    """The client went away in the middle of the upload; nobody is there to read this answer."""

    status = 400
    code = 2001
    name = "INVALID_REQUEST"
    type = "ValidationError"
    default_message = "The upload ended before all of it had arrived. Send it again."


class TooManyReaders(RateLimited):
    """One must end before another begins."""

    def __init__(self) -> None:
        super().__init__(_READER_RETRY_S, "Too many event streams are open.")
