"""What a client is told of whatever goes wrong; the dialects have the words for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from vocafuse_server.core.errors import (
    ApiError,
    InvalidField,
    InvalidRequest,
    MethodNotAllowed,
    MissingField,
    NotFound,
)
from vocafuse_server.core.logging import get_logger
from vocafuse_server.dialects.routing import allowed_methods
from vocafuse_server.notes.errors import UploadInterrupted

log = get_logger(__name__)

# Pydantic's kinds of error, in the words of this API; `{...}` is filled from the error's context.
_REASONS = {
    "string_type": "must be a string",
    "string_unicode": "must not hold broken Unicode",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of reasonable size",
    "int_from_float": "must be an integer",
    "bool_type": "must be true or false",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "too_long": "must have at most {max_length} items",
    "dict_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "model_attributes_type": "must be a JSON object",
}
# What is wrong with these is told, but not what they were: answers are kept in places that requests aren't.
_SECRET_FIELDS = frozenset({"secret"})


def api_error(error: Exception) -> ApiError:
    """What a client is told of an error that a route, FastAPI or Starlette raised."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, RequestValidationError):
        return _validation_error(error.errors())
    if isinstance(error, ClientDisconnect):
        return UploadInterrupted()
    if isinstance(error, HTTPException):
        return _http_error(error)
    return ApiError()


def error_response(
    request: Request, error: Exception, body: Callable[[ApiError], Mapping[str, object]]
) -> JSONResponse:
    """The response for an error, with a dialect's body."""
    shown = api_error(error)
    if shown.status >= 500:
        log.warning("request failed", status=shown.status, exc_info=error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if shown.status == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
    if shown.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if shown.retry_after_s is not None:
        headers["Retry-After"] = str(shown.retry_after_s)
    return JSONResponse(body(shown), status_code=shown.status, headers=headers)


def _http_error(error: HTTPException) -> ApiError:
    if isinstance(error.__cause__, ApiError):
        return error.__cause__  # Raised while FastAPI was reading the body.
    if isinstance(error.__cause__, ClientDisconnect):
        return UploadInterrupted()
    if error.status_code == 404:
        return NotFound()
    if error.status_code == 405:
        return MethodNotAllowed()
    return InvalidRequest(error.detail) if error.status_code < 500 else ApiError()


def _validation_error(errors: Sequence[Mapping[str, Any]]) -> ApiError:
    """The first thing that is wrong with a request's fields."""
    first = errors[0]
    kind, location = str(first["type"]), [str(part) for part in first["loc"]]
    if kind == "json_invalid":
        return InvalidRequest("The body is not valid JSON.")
    where = {"body": "request body", "query": "query string", "header": "headers"}.get(location[0], "request")
    field = ".".join(location[1:])
    if not field:
        return InvalidRequest("The body must be a JSON object with the content type application/json.")
    if kind == "missing":
        return MissingField(field, where=where)
    value = None if location[-1] in _SECRET_FIELDS else first.get("input")
    reason = _REASONS.get(kind)
    if reason is None:
        text = str(first["msg"]).removeprefix("Value error, ")
        return InvalidField(field, text[:1].lower() + text[1:], value=value)
    return InvalidField(field, reason.format(**first.get("ctx", {})), value=value)
