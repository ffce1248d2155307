"""Every answer of the API says how its caller stands with the rate limit."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vocafuse_server.accounts.buckets import Standing
from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.accounts.rate_limits import RateLimiter
from vocafuse_server.dialects.documentation import DOCS_PATHS
from vocafuse_server.dialects.request_log import ErrorResponse

# What isn't of the API: health checks come all the time, and from one address.
UNLIMITED = DOCS_PATHS | {"/healthz", "/readyz", "/metrics", "/openapi.json"}
RATE_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
_KEPT = (b"access-control-", b"vary")


class RateLimitHeaders:
    """Adds the headers; refuses strangers who keep asking.

    A request that was authenticated has been counted by its route. What is refused before that (wrong
    credentials, unknown paths, forged upload URLs) counts for the client's address, and so many of
    these later it is told to wait instead. Uploads to signed URLs don't count: asking for the URL did.

    Args:
        app: What answers.
        respond: Makes the answer to an error.
    """

    def __init__(self, app: ASGIApp, respond: ErrorResponse) -> None:
        self._app = app
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        replaced = False

        async def send_with_headers(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return
            if message["type"] == "http.response.start":
                standing = _standing(scope, message["status"])
                if not standing.allowed and message["status"] != RateLimited.status:
                    replaced = True
                    await self._refuse(scope, message, standing, send)
                    return
                _add_headers(message, standing)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    async def _refuse(self, scope: Scope, message: Message, standing: Standing, send: Send) -> None:
        """Send a 429 in place of the answer that `message` begins."""
        response = self._respond(scope, RateLimited(standing.retry_after_s))
        kept = [header for header in message["headers"] if header[0].lower().startswith(_KEPT)]
        start: Message = {**message, "status": response.status_code, "headers": response.raw_headers + kept}
        _add_headers(start, standing)
        await send(start)
        await send({"type": "http.response.body", "body": response.body})


def _standing(scope: Scope, status: int) -> Standing:
    known: Standing | None = scope["state"].get("standing")
    if known is not None:
        return known
    limiter: RateLimiter = scope["app"].state.context.rate_limiter
    address = scope["client"][0] if scope.get("client") else None
    return limiter.refuse(address) if 400 <= status < 500 else limiter.look(address)


def rate_limit_headers(standing: Standing) -> dict[str, str]:
    """How a caller stands, as headers."""
    values = (standing.limit, standing.remaining, standing.reset_at)
    return {name: str(value) for name, value in zip(RATE_LIMIT_HEADERS, values, strict=True)}


def _add_headers(message: Message, standing: Standing) -> None:
    added = [(name.lower().encode(), value.encode()) for name, value in rate_limit_headers(standing).items()]
    message["headers"] = [*message["headers"], *added]
