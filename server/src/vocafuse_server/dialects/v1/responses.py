"""The error responses of v1, as OpenAPI shows them."""

from typing import Any

from pydantic import BaseModel


class ErrorContent(BaseModel):
    code: int
    name: str
    type: str
    message: str
    details: dict[str, Any]
    request_id: str | None


class ErrorBody(BaseModel):
    error: ErrorContent


_DESCRIPTIONS = {
    400: "The request is malformed or a field has an unusable value",
    401: "The credentials are missing, wrong or expired",
    403: "The credentials don't allow this",
    404: "There is no such thing, or it is not yours",
    409: "It is in the way of something that exists",
    416: "There is no such part",
    413: "The body is too large",
    500: "Something went wrong on the server; the request id finds it in the log",
    503: "The server or its database is not ready; try again",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a route that may answer with these statuses, and with those any may."""
    return {
        status: {"model": ErrorBody, "description": _DESCRIPTIONS[status]} for status in (*statuses, 500, 503)
    }
