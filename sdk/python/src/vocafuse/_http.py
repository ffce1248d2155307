"""Between calls and the HTTP library: everything about it that both shells share."""

from __future__ import annotations

import logging
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

import httpx2

from vocafuse._answers import Answer, Failure
from vocafuse._calls import Call, SignedPut
from vocafuse._errors import ValidationError
from vocafuse._version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from vocafuse._audio import AudioSource
    from vocafuse._config import Config
    from vocafuse._forms import AudioForm

USER_AGENT = f"vocafuse-python/{__version__}"
HTTP_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL)
# Each stream that is followed holds a connection: more than the 100 that the HTTP library allows.
LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)

logger = logging.getLogger("vocafuse")
sending_signed: ContextVar[bool] = ContextVar("vocafuse_sending_signed", default=False)


class RequestOptions(TypedDict, total=False):
    """Arguments of `build_request`, which both clients of httpx2 share."""

    method: str
    url: str
    params: list[tuple[str, str | int | float | bool | None]]
    headers: dict[str, str]
    json: Mapping[str, Any]
    content: Iterator[bytes] | AsyncIterator[bytes]
    timeout: httpx2.Timeout


def request_options(config: Config, request: Call | SignedPut) -> RequestOptions:
    """What the HTTP library is asked to send."""
    if isinstance(request, SignedPut):
        # Another host may own the signed URL: neither the key pair nor anything else goes along.
        headers = {"Content-Length": str(request.audio.size_bytes)}
        return {"method": "PUT", "url": request.url, "headers": headers}
    headers = _credentials(config, request)
    if request.form is not None:
        headers |= {"Content-Type": request.form.content_type, "Content-Length": str(request.form.size_bytes)}
    if request.idempotency_key is not None:
        headers["Idempotency-Key"] = request.idempotency_key
    if request.last_event_id is not None:
        headers["Last-Event-ID"] = request.last_event_id
    url = _root(config, request) + request.path
    options: RequestOptions = {"method": request.method, "url": url, "headers": headers}
    if request.query:
        options["params"] = list(request.query)
    if request.body is not None:
        options["json"] = request.body
    return options


def streamed_body(request: Call | SignedPut) -> AudioSource | AudioForm | None:
    """The body that is sent chunk by chunk, if there is one."""
    return request.audio if isinstance(request, SignedPut) else request.form


def _credentials(config: Config, request: Call) -> dict[str, str]:
    if request.v2:
        return {"Authorization": f"Bearer {config.api_key}:{config.api_secret}"}
    return {"X-VocaFuse-API-Key": config.api_key, "X-VocaFuse-API-Secret": config.api_secret}


def _root(config: Config, request: Call) -> str:
    """The second API is beside the first: `/v1` and `/api/v2` on the same server."""
    if not request.v2:
        return config.base_url
    origin = config.base_url.removesuffix("/v1")
    if origin == config.base_url:
        raise ValidationError(
            "This call needs a base_url that ends in /v1, to find the second API beside it."
        )
    return f"{origin}/api/v2"


def answer_from(response: httpx2.Response) -> Answer:
    """The answer in a response that was read to its end."""
    return Answer(response.status_code, dict(response.headers.items()), response.content)


def head_from(response: httpx2.Response, piece: bytes | None = None) -> Answer:
    """The answer in a response of which the head was read, with a piece of what follows.

    Of a refusal the body was read as well.
    """
    body = response.content if piece is None and not response.is_success else piece or b""
    return Answer(response.status_code, dict(response.headers.items()), body)


def no_more() -> Failure:
    """The outcome of reading on where there is nothing."""
    return Failure("The answer has ended.")


def failure_from(error: Exception, config: Config, request: Call | SignedPut) -> Failure:
    """Says what went wrong without naming anything secret."""
    origin = _origin(request.url if isinstance(request, SignedPut) else config.base_url)
    if isinstance(error, httpx2.TimeoutException):
        return Failure(f"{origin} did not answer in time.", timed_out=True, cause=error)
    if isinstance(error, (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.InvalidURL)):
        return Failure(f"The request to {origin} cannot be sent: {error}", repeatable=False, cause=error)
    if isinstance(error, httpx2.ConnectError):
        return Failure(f"Cannot connect to {origin} ({error}); is the server running?", cause=error)
    return Failure(f"The connection to {origin} broke: {error}", cause=error)


def log_outcome(
    config: Config, request: Call | SignedPut, outcome: Answer | Failure, elapsed_s: float
) -> None:
    """One line a request, with the path only: a signed URL's query is a secret."""
    root = "" if isinstance(request, SignedPut) else _root(config, request)
    elapsed_ms = round(elapsed_s * 1000)
    if isinstance(outcome, Failure):
        result = outcome.message
    else:
        result = f"{outcome.status}, request {outcome.request_id}"
    logger.debug(
        "%s %s%s: %s in %d ms", request.method, urlsplit(root).path, request.path, result, elapsed_ms
    )


def keep_signatures_out_of_logs() -> None:
    """The HTTP library logs whole URLs at INFO; ours are shortened there when they are signed."""
    logging.getLogger("httpx2").addFilter(_hide_query)


def _hide_query(record: logging.LogRecord) -> bool:
    if sending_signed.get() and isinstance(record.args, tuple):
        record.args = tuple(_without_query(argument) for argument in record.args)
    return True


def _without_query(argument: object) -> object:
    return str(argument.copy_with(query=None)) if isinstance(argument, httpx2.URL) else argument


def close_when_forgotten(owner: object, client: httpx2.Client) -> None:
    """Scripts and web apps rarely close a client: its connections end with what owns them."""
    weakref.finalize(owner, client.close)


def async_close_when_forgotten(owner: object, client: httpx2.AsyncClient) -> None:
    """Does nothing: closing takes the event loop of the connections, which may be gone by then."""


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the server"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
