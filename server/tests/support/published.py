"""The published table of errors, and the promises that every answer keeps."""

import json
from collections.abc import Mapping
from typing import Any, cast

from vocafuse_server.dialects.rate_limit_headers import RATE_LIMIT_HEADERS, UNLIMITED

# HTTP status, code, name, type. 408, 416 and 431 are beyond the published table, with its codes.
ERRORS = {
    (401, 1001, "INVALID_TOKEN", "AuthenticationError"),
    (401, 1002, "TOKEN_EXPIRED", "AuthenticationError"),
    (401, 1003, "INVALID_API_KEY", "AuthenticationError"),
    (403, 1004, "INSUFFICIENT_SCOPE", "AuthorizationError"),
    (400, 2001, "INVALID_REQUEST", "ValidationError"),
    (400, 2003, "INVALID_FIELD_VALUE", "ValidationError"),
    (400, 2005, "UNSUPPORTED_AUDIO", "ValidationError"),
    (413, 2004, "PAYLOAD_TOO_LARGE", "ValidationError"),
    (404, 3000, "NOT_FOUND", "NotFoundError"),
    (404, 3001, "VOICENOTE_NOT_FOUND", "NotFoundError"),
    (404, 3001, "RECORDING_NOT_FOUND", "NotFoundError"),
    (404, 3002, "TRANSCRIPTION_NOT_READY", "NotFoundError"),
    (404, 3003, "TRANSCRIPTION_FAILED", "NotFoundError"),
    (404, 3004, "WEBHOOK_NOT_FOUND", "NotFoundError"),
    (404, 3005, "API_KEY_NOT_FOUND", "NotFoundError"),
    (405, 3006, "METHOD_NOT_ALLOWED", "ValidationError"),
    (409, 3009, "CONFLICT", "ConflictError"),
    (429, 4003, "RATE_LIMIT_EXCEEDED", "RateLimitError"),
    (500, 5001, "INTERNAL_ERROR", "ServerError"),
    (503, 5003, "SERVICE_UNAVAILABLE", "ServerError"),
    (416, 2003, "INVALID_FIELD_VALUE", "ValidationError"),
    (408, 2001, "INVALID_REQUEST", "ValidationError"),
    (431, 2001, "INVALID_REQUEST", "ValidationError"),
}
# HTTP status and title of v2's errors; 408 and 431 are beyond its table, too.
V2_ERRORS = {
    (400, "Invalid request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not found"),
    (404, "Voice note not found"),
    (404, "Transcript not available"),
    (405, "Method not allowed"),
    (409, "Conflict"),
    (413, "Payload too large"),
    (429, "Rate limit exceeded"),
    (408, "Invalid request"),
    (431, "Invalid request"),
    (500, "Internal server error"),
    (503, "Service unavailable"),
}
# HTTP status and type of the errors of OpenAI's dialect; each has a word of its own for a code.
OPENAI_ERRORS = {
    *((status, "invalid_request_error") for status in (400, 401, 403, 404, 405, 408, 413, 431)),
    (429, "requests"),
    (500, "server_error"),
    (503, "server_error"),
}
_V2_PATH = "/api/v2"
_OPENAI_PATHS = ("/v1/audio/", "/v1/models")
_SHAPE = ["code", "name", "type", "message", "details", "request_id"]
_INSIDE = ("Traceback", "site-packages", "/src/", "SELECT ", "INSERT ", "psycopg", "sqlalchemy", "pydantic")
_ALSO_SAYS = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}


def assert_is_published(
    status: int, headers: Mapping[str, str], body: bytes, *, path: str, with_body: bool = True
) -> None:
    """The answer carries the headers of all answers; an error, one of the published bodies.

    Args:
        headers: With names in lower case.
        with_body: False for the answer to a HEAD.
    """
    assert status < 500, (status, body)
    assert headers["x-request-id"].startswith("req_")
    assert_is_secured(headers)
    if path not in UNLIMITED:
        assert all(headers[name.lower()].isdigit() for name in RATE_LIMIT_HEADERS)
    if status < 400:
        return
    if status in _ALSO_SAYS:
        assert headers[_ALSO_SAYS[status]]
    if not with_body:
        return
    if path == _V2_PATH or path.startswith(f"{_V2_PATH}/"):
        assert_is_error_of_v2(status, body)
        return
    if path.startswith(_OPENAI_PATHS):
        assert_is_error_of_openai(status, body)
        return
    error = error_of(status, body)
    assert error["request_id"] == headers["x-request-id"]


def assert_is_secured(headers: Mapping[str, str]) -> None:
    """A browser will neither guess what it is, nor run it, nor show it within another page, nor keep it."""
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'"} <= {*policy}
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"]


def assert_is_error_of_v2(status: int, body: bytes) -> None:
    """The body has exactly the shape of v2's errors and says what kind of error goes with the status."""
    assert not [word for word in _INSIDE if word in body.decode()], body
    content = cast("dict[str, Any]", json.loads(body))
    assert list(content) == ["success", "error", "message"], content
    assert content["success"] is False
    assert (status, content["error"]) in V2_ERRORS, (status, content)
    assert content["message"]
    assert isinstance(content["message"], str)


def assert_is_error_of_openai(status: int, body: bytes) -> None:
    """The body has exactly the shape of OpenAI's errors and says what kind of error goes with the status."""
    assert not [word for word in _INSIDE if word in body.decode()], body
    content = cast("dict[str, Any]", json.loads(body))
    assert list(content) == ["error"], content
    error = cast("dict[str, Any]", content["error"])
    assert list(error) == ["message", "type", "param", "code"], error
    assert (status, error["type"]) in OPENAI_ERRORS, (status, error)
    assert error["message"]
    assert error["code"] == error["code"].lower()


def error_of(status: int, body: bytes) -> dict[str, Any]:
    """The error in a body, which has exactly the published shape and is in the published table."""
    assert not [word for word in _INSIDE if word in body.decode()], body
    content = cast("dict[str, Any]", json.loads(body))
    assert list(content) == (["success", "error"] if status == 429 else ["error"]), content
    error = cast("dict[str, Any]", content["error"])
    assert list(error) == _SHAPE, error
    assert (status, error["code"], error["name"], error["type"]) in ERRORS, (status, error)
    assert error["message"]
    assert isinstance(error["message"], str)
    assert isinstance(error["details"], dict)
    return error
