"""v1's error bodies."""

from functools import partial

from fastapi import Request
from fastapi.responses import JSONResponse

from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.core.errors import ApiError
from vocafuse_server.dialects.errors import error_response
from vocafuse_server.dialects.v1.vocabulary import RECORDINGS, vocabulary_of
from vocafuse_server.notes.errors import NoteNotFound


def render(request: Request, error: Exception) -> JSONResponse:
    """The response for an error."""
    return error_response(request, error, partial(_body, request))


def _body(request: Request, error: ApiError) -> dict[str, object]:
    name, message = error.name, error.message
    if isinstance(error, NoteNotFound) and vocabulary_of(request) is RECORDINGS:
        name, message = "RECORDING_NOT_FOUND", "Recording not found"
    content: dict[str, object] = {
        "code": error.code,
        "name": name,
        "type": error.type,
        "message": message,
        "details": error.details,
        "request_id": getattr(request.state, "request_id", None),
    }
    # Published so: the one error with a flag beside it.
    return {"success": False, "error": content} if isinstance(error, RateLimited) else {"error": content}
