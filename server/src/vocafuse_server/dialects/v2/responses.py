"""The error responses of v2, as OpenAPI shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from vocafuse_server.dialects.responses import error_responses


class VoiceNoteError(BaseModel):
    success: Literal[False]
    error: str = Field(description="What kind of thing went wrong.")
    message: str = Field(description="What exactly; names the field if it is about one.")


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a route that may answer with these statuses, and with those any may."""
    return error_responses(statuses, lambda _: VoiceNoteError)
