"""The error responses of OpenAI's dialect, as OpenAPI shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from vocafuse_server.dialects.responses import error_responses


class OpenAiErrorContent(BaseModel):
    message: str
    type: Literal["invalid_request_error", "requests", "server_error"]
    param: str | None = Field(description="The field that it is about.")
    code: str = Field(description="What went wrong, in one word.")


class OpenAiError(BaseModel):
    error: OpenAiErrorContent


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a route that may answer with these statuses, and with those any may."""
    return error_responses(statuses, lambda _: OpenAiError)
