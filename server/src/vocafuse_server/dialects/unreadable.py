"""The answer to bytes that are no request: no route sees them, yet the client gets what all get."""

from starlette.responses import Response
from starlette.types import Scope

from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.core.errors import ApiError, InvalidRequest
from vocafuse_server.core.logging import get_logger
from vocafuse_server.dialects.context import AppContext
from vocafuse_server.dialects.rate_limit_headers import rate_limit_headers
from vocafuse_server.dialects.request_log import ErrorResponse, new_request_id
from vocafuse_server.dialects.security_headers import API_HEADERS

log = get_logger(__name__)


class NoHttp(InvalidRequest):
    default_message = "This is not a request of HTTP/1.1 that the server can read."


class HeadTooLarge(InvalidRequest):
    status = 431

    def __init__(self, max_bytes: int) -> None:
        super().__init__("The request's line and headers are too large.", details={"max_bytes": max_bytes})


def refuse_unreadable(
    context: AppContext, respond: ErrorResponse, *, address: str | None, target: bytes, error: ApiError
) -> Response:
    """The answer, counted for the address that the bytes came from unless it is our own fault.

    Args:
        target: What was read of the request's target, which says whose dialect to answer in.
    """
    request_id = new_request_id()
    count = context.rate_limiter.refuse if error.status < 500 else context.rate_limiter.look
    standing = count(address)
    shown = error if standing.allowed or error.status >= 500 else RateLimited(standing.retry_after_s)
    scope: Scope = {
        "type": "http",
        "method": "",
        "path": target.partition(b"?")[0].decode("latin-1"),
        "headers": [],
        "state": {"request_id": request_id},
    }
    response = respond(scope, shown)
    response.headers["X-Request-Id"] = request_id
    response.headers.update(rate_limit_headers(standing))
    response.raw_headers.extend(API_HEADERS)
    log.info("unreadable request", request_id=request_id, status=shown.status)
    return response
