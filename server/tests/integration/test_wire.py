"""What the HTTP server itself does with what is hardly HTTP, and which methods a path says it takes."""

import json
from collections.abc import AsyncIterator

import pytest
from support.app import Account, SettableClock
from support.published import assert_is_published, error_of
from support.wire import exchange, request_bytes, served

from vocafuse_server.api_server import MAX_HEAD_BYTES
from vocafuse_server.app import create_app
from vocafuse_server.core.settings import Settings

UPGRADE = [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Key", b"x"), (b"Sec-WebSocket-Version", b"13")]


@pytest.fixture
async def port(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[int]:
    async with served(create_app(settings, database_url, clock=clock), settings) as port:
        yield port


def keys(account: Account) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in account.headers.items()]


@pytest.mark.parametrize(
    "request_text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"what is this?\r\n\r\n",
        b"GET /v1/voicenotes HTTP/9.9\r\nHost: a\r\n\r\n",
        b"BREW /v1/voicenotes HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/a\x00b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /v1/voicenotes?q=\xff\xfe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /v1/voicenotes HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        b"GET /v1/voicenotes HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/token HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    ],
)
async def test_what_is_no_http_gets_an_answer_like_all_others(port: int, request_text: bytes) -> None:
    answer = await exchange(port, request_text)
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert answer.status in {400, 401, 404}
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "rest", [b" HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", b"?q=" + b"x" * (8 * MAX_HEAD_BYTES)]
)
async def test_the_dialect_is_that_of_the_path_also_for_what_is_no_http(port: int, rest: bytes) -> None:
    answer = await exchange(port, b"GET /api/v2/voice-notes" + rest)
    assert_is_published(answer.status, answer.headers, answer.body, path="/api/v2/voice-notes")
    assert answer.status in {400, 431}


async def test_a_body_that_breaks_off_its_framing_is_refused(port: int, account: Account) -> None:
    lines = [b"%s: %s" % header for header in keys(account)]
    head = b"POST /v1/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + b"\r\n".join(lines)
    answer = await exchange(port, head + b"\r\n\r\n2\r\n{}\r\nnot a size\r\n")
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert error_of(answer.status, answer.body)["code"] == 2001


async def test_those_who_send_garbage_are_told_to_wait(
    settings: Settings, database_url: str, clock: SettableClock
) -> None:
    strict = settings.model_copy(update={"rate_limit_strangers_per_minute": 1})
    async with served(create_app(strict, database_url, clock=clock), strict) as port:
        answers = [await exchange(port, b"garbage\r\n\r\n") for _ in range(3)]
    assert [answer.status for answer in answers] == [400, 400, 429]
    assert_is_published(429, answers[-1].headers, answers[-1].body, path="?")
    assert answers[0].headers["x-request-id"] != answers[1].headers["x-request-id"]


@pytest.mark.parametrize("where", ["target", "header"])
async def test_a_head_without_end_is_refused(port: int, where: str) -> None:
    endless = b"x" * (8 * MAX_HEAD_BYTES)
    start = b"GET /v1/voicenotes?q=" if where == "target" else b"GET / HTTP/1.1\r\nHost: a\r\nX: "
    answer = await exchange(port, start + endless)
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    error = error_of(answer.status, answer.body)
    assert (answer.status, error["code"], error["details"]) == (431, 2001, {"max_bytes": MAX_HEAD_BYTES})


async def test_a_long_target_that_fits_is_an_ordinary_one(port: int, account: Account) -> None:
    for target, status in ((b"/v1/" + b"x" * 60_000, 404), (b"/v1/voicenotes?q=" + b"x" * 60_000, 400)):
        answer = await exchange(port, request_bytes("GET", target, keys(account)))
        assert_is_published(answer.status, answer.headers, answer.body, path="?")
        assert (answer.status, len(answer.body) < 1000) == (status, True)


async def test_a_body_that_is_announced_as_too_large_is_refused_unread(port: int, account: Account) -> None:
    lines = [b"%s: %s" % header for header in keys(account)]
    head = b"POST /v1/token HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
    answer = await exchange(port, head + b"Content-Length: 999999999\r\n" + b"\r\n".join(lines) + b"\r\n\r\n")
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert (answer.status, error_of(answer.status, answer.body)["code"]) == (413, 2004)


async def test_an_upgrade_is_not_made(port: int, account: Account) -> None:
    upgrade = request_bytes("GET", b"/v1/voicenotes", [*keys(account), *UPGRADE])
    answer = await exchange(port, upgrade.replace(b"Connection: close", b"Connection: Upgrade, close"))
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert (answer.status, json.loads(answer.body)["total"]) == (200, 0)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/voicenotes", "GET, POST"),
        ("/v1/voicenotes/x", "GET, PATCH, DELETE"),
        ("/v1/webhooks/x", "GET, PUT, DELETE"),
        ("/v1/account/api-keys", "GET, POST"),
        ("/v1/token", "POST"),
        ("/v1/uploads/x", "PUT"),
        ("/api/v2/voice-notes", "GET, POST"),
        ("/api/v2/voice-notes/x", "GET, PUT, DELETE"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(port: int, path: str, allowed: str) -> None:
    for method in {"PATCH", "TRACE", "OPTIONS", "HEAD"}.difference(allowed.split(", ")):
        answer = await exchange(port, request_bytes(method, path.encode(), []))
        assert_is_published(answer.status, answer.headers, answer.body, path=path, with_body=method != "HEAD")
        assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("method", [b"PUT", b"BREW", b"\xff"])
async def test_a_preflight_is_never_an_error(port: int, method: bytes) -> None:
    headers = [
        (b"Origin", b"https://app.example.com"),
        (b"Access-Control-Request-Method", method),
        (b"Access-Control-Request-Headers", b"X-VocaFuse-API-Key"),
        (b"Access-Control-Request-Private-Network", b"true"),
    ]
    answer = await exchange(port, request_bytes("OPTIONS", b"/v1/upload", headers))
    assert_is_published(answer.status, answer.headers, answer.body, path="/v1/upload")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert answer.headers["access-control-allow-private-network"] == "true"
    assert "PUT" in answer.headers["access-control-allow-methods"]
