"""How errors look on the wire."""

import json

from fastapi import Request

from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.dialects.v1.errors import render
from vocafuse_server.idempotency.errors import KeyReused, StillInProgress


def request() -> Request:
    return Request({"type": "http", "method": "POST", "path": "/v1/upload", "headers": [], "state": {}})


def test_what_may_succeed_in_a_moment_says_when_to_come_back() -> None:
    for error, status in ((ServiceUnavailable(), 503), (StillInProgress(), 409)):
        response = render(request(), error)
        assert (response.status_code, response.headers["Retry-After"]) == (status, "1")


def test_a_key_that_stands_for_something_else_never_will() -> None:
    response = render(request(), KeyReused())
    error = json.loads(bytes(response.body))["error"]
    assert (response.status_code, error["code"], error["name"]) == (409, 3009, "CONFLICT")
    assert "Retry-After" not in response.headers
