"""Python client for voice notes: upload audio, get transcripts, verify webhooks."""

from vocafuse._client import Client
from vocafuse._errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    AuthorizationError,
    ConflictError,
    CredentialsError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TranscriptionFailedError,
    ValidationError,
    VocaFuseError,
    WaitTimeoutError,
)
from vocafuse._models import Segment, Transcription, VoiceNote, Webhook, Word
from vocafuse._pages import Page
from vocafuse._signatures import RequestValidator
from vocafuse._tokens import AccessToken
from vocafuse._version import __version__

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "AccessToken",
    "AuthenticationError",
    "AuthorizationError",
    "Client",
    "ConflictError",
    "CredentialsError",
    "NotFoundError",
    "Page",
    "RateLimitError",
    "RequestValidator",
    "Segment",
    "ServerError",
    "Transcription",
    "TranscriptionFailedError",
    "ValidationError",
    "VocaFuseError",
    "VoiceNote",
    "WaitTimeoutError",
    "Webhook",
    "Word",
    "__version__",
]
