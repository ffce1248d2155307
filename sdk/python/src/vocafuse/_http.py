"""Between calls and the HTTP library: everything about it that both shells share."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

import httpx2

from vocafuse._answers import Answer, Failure
from vocafuse._calls import Call, SignedPut
from vocafuse._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vocafuse._config import Config

USER_AGENT = f"vocafuse-python/{__version__}"
HTTP_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL)

logger = logging.getLogger("vocafuse")
sending_signed: ContextVar[bool] = ContextVar("vocafuse_sending_signed", default=False)


class RequestOptions(TypedDict, total=False):
    """Arguments of `build_request`, which the sync and the async client of httpx2 share."""

    method: str
    url: str
    params: list[tuple[str, str | int | float | bool | None]]
    headers: dict[str, str]
    json: Mapping[str, Any]
    content: Iterable[bytes]


def request_options(config: Config, request: Call | SignedPut) -> RequestOptions:
    """What the HTTP library is asked to send."""
    if isinstance(request, SignedPut):
        # Another host may own the signed URL: neither the key pair nor anything else goes along.
        headers = {"Content-Length": str(request.audio.size_bytes)}
        return {"method": "PUT", "url": request.url, "headers": headers, "content": request.audio}
    headers = {"X-VocaFuse-API-Key": config.api_key, "X-VocaFuse-API-Secret": config.api_secret}
    if request.idempotency_key is not None:
        headers["Idempotency-Key"] = request.idempotency_key
    options: RequestOptions = {
        "method": request.method,
        "url": config.base_url + request.path,
        "headers": headers,
    }
    if request.query:
        options["params"] = list(request.query)
    if request.body is not None:
        options["json"] = request.body
    return options


def answer_from(response: httpx2.Response) -> Answer:
    """The answer in a response that was read to its end."""
    return Answer(response.status_code, dict(response.headers.items()), response.content)


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
    prefix = "" if isinstance(request, SignedPut) else urlsplit(config.base_url).path
    elapsed_ms = round(elapsed_s * 1000)
    if isinstance(outcome, Failure):
        result = outcome.message
    else:
        result = f"{outcome.status}, request {outcome.request_id}"
    logger.debug("%s %s%s: %s in %d ms", request.method, prefix, request.path, result, elapsed_ms)


def keep_signatures_out_of_logs() -> None:
    """The HTTP library logs whole URLs at INFO; ours are shortened there when they are signed."""
    logging.getLogger("httpx2").addFilter(_hide_query)


def _hide_query(record: logging.LogRecord) -> bool:
    if sending_signed.get() and isinstance(record.args, tuple):
        record.args = tuple(_without_query(argument) for argument in record.args)
    return True


def _without_query(argument: object) -> object:
    return str(argument.copy_with(query=None)) if isinstance(argument, httpx2.URL) else argument


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the server"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"
