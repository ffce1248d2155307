"""Python client for voice notes: upload audio, get transcripts, verify webhooks.

`Client` and `AsyncClient` have the same methods; those of the async one are awaited.
"""

from vocafuse._account_models import (
    Account,
    AccountUsage,
    ApiKey,
    Attempt,
    CreatedApiKey,
    DayUsage,
    Delivery,
    Redelivery,
    Usage,
    Webhook,
)
from vocafuse._async_client import AsyncClient
from vocafuse._async_events import AsyncEventStream
from vocafuse._async_tokens import AsyncAccessToken
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
from vocafuse._events import EventStream
from vocafuse._models import Event, Failure, Match, MatchPart, Segment, Transcription, VoiceNote, Word
from vocafuse._pages import Page
from vocafuse._signatures import RequestValidator
from vocafuse._tokens import AccessToken
from vocafuse._version import __version__

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "AccessToken",
    "Account",
    "AccountUsage",
    "ApiKey",
    "AsyncAccessToken",
    "AsyncClient",
    "AsyncEventStream",
    "Attempt",
    "AuthenticationError",
    "AuthorizationError",
    "Client",
    "ConflictError",
    "CreatedApiKey",
    "CredentialsError",
    "DayUsage",
    "Delivery",
    "Event",
    "EventStream",
    "Failure",
    "Match",
    "MatchPart",
    "NotFoundError",
    "Page",
    "RateLimitError",
    "Redelivery",
    "RequestValidator",
    "Segment",
    "ServerError",
    "Transcription",
    "TranscriptionFailedError",
    "Usage",
    "ValidationError",
    "VocaFuseError",
    "VoiceNote",
    "WaitTimeoutError",
    "Webhook",
    "Word",
    "__version__",
]
