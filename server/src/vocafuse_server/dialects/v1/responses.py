"""The error responses of v1, as OpenAPI shows them."""

from typing import Any, Literal

from pydantic import BaseModel

from vocafuse_server.dialects.responses import error_responses


class ErrorContent(BaseModel):
    code: int
    name: str
    type: str
    message: str
    details: dict[str, Any]
    request_id: str | None


class ErrorBody(BaseModel):
    error: ErrorContent


class RateLimitBody(ErrorBody):
    success: Literal[False]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a route that may answer with these statuses, and with those any may."""
    return error_responses(statuses, lambda status: RateLimitBody if status == 429 else ErrorBody)
