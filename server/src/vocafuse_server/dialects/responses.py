"""What OpenAPI shows of responses, whatever the dialect."""

from collections.abc import Callable, Container, Iterable
from typing import Any

from pydantic import BaseModel

from vocafuse_server.dialects.rate_limit_headers import RATE_LIMIT_HEADERS

_DESCRIPTIONS = {
    400: "The request is malformed or a field has an unusable value",
    401: "The credentials are missing, wrong or expired",
    403: "The credentials don't allow this",
    404: "There is no such thing, or it is not yours",
    409: "It is in the way of something that exists",
    416: "There is no such part",
    413: "The body is too large",
    429: "Too many requests; says how long to wait",
    500: "Something went wrong on the server; the request id finds it in the log",
    503: "The server or its database is not ready; try again",
}

_HEADERS = {
    "X-Request-Id": ("string", "Names the request in the server's log"),
    "X-RateLimit-Limit": ("integer", "Requests per minute"),
    "X-RateLimit-Remaining": ("integer", "Requests left right now"),
    "X-RateLimit-Reset": ("integer", "Epoch second at which all are there again"),
    "Retry-After": ("integer", "Seconds to wait"),
    "WWW-Authenticate": ("string", "The scheme for access tokens, `Bearer`"),
}
_OF_STATUS = {"401": ("WWW-Authenticate",), "429": ("Retry-After",), "503": ("Retry-After",)}


def error_responses(
    statuses: Iterable[int], model: Callable[[int], type[BaseModel]]
) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for a route that may answer with these statuses, and with those any may.

    Args:
        model: The body of an error with this status.
    """
    return {
        status: {"model": model(status), "description": _DESCRIPTIONS[status]}
        # 400: a query that can't be read, wherever it is sent to.
        for status in sorted({400, *statuses, 429, 500, 503})
    }


def declare_headers(schema: dict[str, Any], *, unlimited: Container[str]) -> None:
    """Add the headers of all answers to an OpenAPI description, those of rate limits but where there
    are none."""
    schema["components"]["headers"] = {
        name: {"description": description, "required": True, "schema": {"type": type_}}
        for name, (type_, description) in _HEADERS.items()
    }
    for path, operations in schema["paths"].items():
        everywhere = ("X-Request-Id",) if path in unlimited else ("X-Request-Id", *RATE_LIMIT_HEADERS)
        for operation in operations.values():
            for status, response in operation["responses"].items():
                own = () if path in unlimited else _OF_STATUS.get(status, ())
                names = (*everywhere, *own)
                references = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
                response["headers"] = {**references, **response.get("headers", {})}


def drop_null(parameters: Iterable[dict[str, Any]]) -> None:
    """Take back that a parameter may be null: that is how FastAPI says that it may be left out."""
    for parameter in parameters:
        schema = parameter["schema"]
        options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            del schema["anyOf"]
            schema.update(options[0])
