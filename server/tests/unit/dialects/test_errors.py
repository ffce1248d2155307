"""How errors look on the wire."""

import json
import re
from pathlib import Path

from fastapi import Request
from support.published import ERRORS

from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.dialects.v1.errors import render
from vocafuse_server.idempotency.errors import KeyReused, StillInProgress

ROW = re.compile(r"^\| (?P<status>\d+) \| (?P<code>\d+) \| (?P<names>`[^.]*`)\. ", re.MULTILINE)


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


def test_the_page_of_errors_has_all_of_them() -> None:
    page = (Path(__file__).parents[4] / "docs" / "errors.md").read_text()
    listed = {
        (int(row["status"]), int(row["code"]), name)
        for row in ROW.finditer(page)
        for name in re.findall(r"`(\w+)`", row["names"])
    }
    assert listed == {(status, code, name) for status, code, name, _ in ERRORS}
