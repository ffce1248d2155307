"""What goes wrong when callers are told apart."""

from vocafuse_server.core.errors import ApiError, Conflict, NotFound, ServiceUnavailable


class InvalidToken(ApiError):
    status = 401
    code = 1001
    name = "INVALID_TOKEN"
    type = "AuthenticationError"
    default_message = "The access token is not valid."


class TokenExpired(ApiError):
    status = 401
    code = 1002
    name = "TOKEN_EXPIRED"
    type = "AuthenticationError"
    default_message = "The access token has expired. Ask for a new one."


class SignInLinkSpent(InvalidToken):
    default_message = "This link was used before, or is too old. Sign in with a key pair, or take a new link."


class KeysUnavailable(ServiceUnavailable):
    default_message = "The keys of the token's issuer can't be read at the moment. Try again in a moment."


class InvalidApiKey(ApiError):
    status = 401
    code = 1003
    name = "INVALID_API_KEY"
    type = "AuthenticationError"
    default_message = "The API key or secret is not valid."


class InsufficientScope(ApiError):
    status = 403
    code = 1004
    name = "INSUFFICIENT_SCOPE"
    type = "AuthorizationError"
    default_message = "These credentials don't allow this."


class ApiKeyNotFound(NotFound):
    code = 3005
    name = "API_KEY_NOT_FOUND"
    default_message = "API key not found"


class ApiKeyInUse(Conflict):
    default_message = "This is the API key that the request came with. Use another one to revoke it."


class RateLimited(ApiError):
    status = 429
    code = 4003
    name = "RATE_LIMIT_EXCEEDED"
    type = "RateLimitError"

    def __init__(self, retry_after_s: int, message: str = "Rate limit exceeded.") -> None:
        unit = "second" if retry_after_s == 1 else "seconds"
        super().__init__(
            f"{message} Try again in {retry_after_s} {unit}.",
            details={"retry_after": retry_after_s},
        )
        self.retry_after_s = retry_after_s
