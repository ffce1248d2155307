"""v2's error bodies: what kind of thing went wrong, and what exactly."""

from fastapi import Request
from fastapi.responses import JSONResponse

from vocafuse_server.core.errors import ApiError, NotFound
from vocafuse_server.dialects.errors import error_response
from vocafuse_server.notes.errors import NoteNotFound, TranscriptionFailed, TranscriptionNotReady

PATH = "/api/v2"

_TITLES = {
    400: "Invalid request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    408: "Invalid request",
    409: "Conflict",
    413: "Payload too large",
    429: "Rate limit exceeded",
    431: "Invalid request",
    503: "Service unavailable",
}
_NOT_FOUND: dict[type[NotFound], str] = {
    NoteNotFound: "Voice note not found",
    TranscriptionNotReady: "Transcript not available",
    TranscriptionFailed: "Transcript not available",
}
_NO_SUCH_NOTE = "There is no voice note with this id, or it is not yours."


def speaks(path: str) -> bool:
    """Whether a path is one of this dialect's, known or not."""
    return path == PATH or path.startswith(f"{PATH}/")


def render(request: Request, error: Exception) -> JSONResponse:
    """The response for an error."""
    return error_response(request, error, _body)


def _body(error: ApiError) -> dict[str, object]:
    title = _TITLES.get(error.status, "Internal server error")
    if isinstance(error, NotFound):
        title = _NOT_FOUND.get(type(error), title)
    message = _NO_SUCH_NOTE if isinstance(error, NoteNotFound) else error.message
    return {"success": False, "error": title, "message": message}
