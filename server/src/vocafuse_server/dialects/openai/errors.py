"""OpenAI's error bodies."""

from fastapi import Request
from fastapi.responses import JSONResponse

from vocafuse_server.core.errors import ApiError
from vocafuse_server.dialects.errors import error_response

_PLACES = ("/v1/audio", "/v1/models")


def speaks(path: str) -> bool:
    """Whether a path is one of this dialect's, known or not."""
    return any(path == place or path.startswith(f"{place}/") for place in _PLACES)


def render(request: Request, error: Exception) -> JSONResponse:
    """The response for an error."""
    return error_response(request, error, _body)


def _body(error: ApiError) -> dict[str, object]:
    content: dict[str, object] = {
        "message": error.message,
        "type": _type(error.status),
        "param": error.details.get("field"),
        "code": error.name.lower(),
    }
    return {"error": content}


def _type(status: int) -> str:
    if status == 429:
        return "requests"  # What there were too many of, as there.
    return "server_error" if status >= 500 else "invalid_request_error"
