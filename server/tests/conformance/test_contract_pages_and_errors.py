"""The contract on pages, errors and rate limits."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.app import SettableClock, running_app
from support.clips import AUDIO

from conformance.conftest import Library
from conformance.promises import promise
from conformance.service import HOOK_URL, SPOKEN, ApiUser, Service, key_headers
from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.settings import Settings

NOTES = "/v1/voicenotes"
KEYS = "/v1/account/api-keys"
WEBHOOKS = "/v1/webhooks"
NOBODY = "0190b7a0-0000-7000-8000-000000000000"
LISTS = [NOTES, "/v1/recordings", KEYS, WEBHOOKS]


@promise("contract", "Pages", "`page` is 0 or more and `limit` 1 to 100; outside: 400 and code 2003")
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "query", ["page=-1", "limit=0", "limit=101", "limit=-5", "page=1.5", "limit=ten", "page="]
)
async def test_pages_have_bounds(user: ApiUser, path: str, query: str) -> None:
    error = await user.refused("GET", f"{path}?{query}", 400)
    assert (error["code"], error["name"]) == (2003, "INVALID_FIELD_VALUE")
    assert error["details"]["field"] == query.partition("=")[0]


@promise("contract", "Pages", "The URIs keep the filters and name page and limit")
async def test_pages_keep_filters(user: ApiUser) -> None:
    for _ in range(3):
        await user.upload(user_id="ann b", custom_tags='{"kind": "memo"}')
    asked = "user_id=ann+b&tag.kind=memo&status=processing&date_from=2025-01-01"
    page = await user.get(f"{NOTES}?page=1&limit=1&{asked}")
    for name, number in (("uri", 1), ("first_page_uri", 0), ("next_page_uri", 2), ("previous_page_uri", 0)):
        path, _, query = page[name].partition("?")
        assert path == NOTES
        assert query.startswith(f"page={number}&limit=1&")
        assert sorted(query.split("&")[2:]) == sorted(asked.split("&"))
    assert (await user.get(page["next_page_uri"]))["page"] == 2


@promise(
    "contract", "Pages", "Past the end `next_page_uri` is null, `previous_page_uri` page - 1, `total` exact"
)
async def test_pages_past_the_end(user: ApiUser) -> None:
    for _ in range(3):
        await user.upload()
    page = await user.get(f"{NOTES}?page=7&limit=2")
    assert (page["voicenotes"], page["page_size"], page["total"]) == ([], 0, 3)
    assert page["next_page_uri"] is None
    assert page["previous_page_uri"] == f"{NOTES}?page=6&limit=2"


@promise("contract", "Pages", "`date_from` and `date_to` take a date or a date-time")
async def test_pages_by_time(clock: SettableClock, user: ApiUser) -> None:
    clock.now = datetime(2025, 10, 1, 12, tzinfo=timezone.utc)
    note = await user.upload()
    for query, found in (
        ("date_from=2025-10-01", True),
        ("date_from=2025-10-01T12:00:00", True),
        ("date_from=2025-10-01T12:00:01Z", False),
        ("date_to=2025-10-01T12:00:00", True),
        ("date_to=2025-10-01T11:59:59", False),
        ("date_to=2025-10-01T14:00:00%2B02:00", True),
    ):
        assert await user.ids(f"{NOTES}?{query}") == ([note["id"]] if found else []), query


@promise("contract", "Pages", "A bare `date_to` includes that whole day (UTC)")
async def test_pages_to_the_end_of_a_day(clock: SettableClock, user: ApiUser) -> None:
    clock.now = datetime(2025, 10, 1, 23, 59, 59, 999_999, tzinfo=timezone.utc)
    note = await user.upload()
    assert await user.ids(f"{NOTES}?date_to=2025-10-01") == [note["id"]]
    assert await user.ids(f"{NOTES}?date_to=2025-09-30") == []


@promise("contract", "Pages", "Collections are called as their things: `deliveries`, too")
async def test_pages_name_their_collection(user: ApiUser) -> None:
    webhook = await user.post(WEBHOOKS, {"url": HOOK_URL, "events": ["voicenote.created"]})
    names = ("voicenotes", "recordings", "api_keys", "webhooks", "deliveries")
    for path, name in zip((*LISTS, f"{webhook['uri']}/deliveries"), names, strict=True):
        assert next(iter(await user.get(path))) == name


@promise("contract", "Pages", "An unknown `status` or a bad date: 400 and code 2003")
@pytest.mark.parametrize("query", ["status=done", "status=created", "date_from=today", "date_to=2025-02-30"])
async def test_pages_unusable_filters(user: ApiUser, query: str) -> None:
    error = await user.refused("GET", f"{NOTES}?{query}", 400)
    assert (error["code"], error["details"]["field"]) == (2003, query.partition("=")[0])


@promise("contract", "Pages", "`date_from` after `date_to`: 400 and code 2003")
async def test_pages_dates_the_wrong_way_round(user: ApiUser) -> None:
    error = await user.refused("GET", f"{NOTES}?date_from=2025-10-02&date_to=2025-10-01", 400)
    assert error["code"] == 2003


@promise("contract", "Errors", "The example: an unusable `limit`, field by field")
async def test_errors_of_the_example(user: ApiUser) -> None:
    answer = await user.call("GET", f"{NOTES}?limit=1000")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert list(answer.json()) == ["error"]
    assert list(error) == ["code", "name", "type", "message", "details", "request_id"]
    assert (error["code"], error["name"], error["type"]) == (2003, "INVALID_FIELD_VALUE", "ValidationError")
    assert error["message"]
    assert error["details"] == {"field": "limit", "value": "1000", "reason": "must be between 1 and 100"}
    assert error["request_id"] == answer.headers["X-Request-Id"]


@promise("contract", "Errors", "Every answer carries `X-Request-Id`, each its own")
async def test_errors_carry_a_request_id(user: ApiUser) -> None:
    calls = [("GET", NOTES), ("GET", NOTES), ("GET", "/nonsense"), ("POST", "/v1/upload"), ("PATCH", NOTES)]
    ids = [(await user.call(method, path)).headers["X-Request-Id"] for method, path in calls]
    assert len(set(ids)) == len(calls)


TABLE: list[tuple[str, str, int, int, str, str, dict[str, Any]]] = [
    ("POST", "/v1/token", 400, 2001, "INVALID_REQUEST", "ValidationError", {"json": {}}),
    ("POST", "/v1/token", 400, 2001, "INVALID_REQUEST", "ValidationError", {"content": b"{"}),
    ("GET", f"{NOTES}?limit=0", 400, 2003, "INVALID_FIELD_VALUE", "ValidationError", {}),
    (
        *("POST", NOTES, 400, 2005, "UNSUPPORTED_AUDIO", "ValidationError"),
        {"files": {"file": ("a.wav", b"text")}},
    ),
    (
        *("POST", "/v1/upload", 413, 2004, "PAYLOAD_TOO_LARGE", "ValidationError"),
        {"json": {"file_name": "a.wav", "file_size": 2**30}},
    ),
    ("GET", f"{NOTES}/{NOBODY}", 404, 3001, "VOICENOTE_NOT_FOUND", "NotFoundError", {}),
    ("GET", f"/v1/recordings/{NOBODY}", 404, 3001, "RECORDING_NOT_FOUND", "NotFoundError", {}),
    ("GET", f"{WEBHOOKS}/{NOBODY}", 404, 3004, "WEBHOOK_NOT_FOUND", "NotFoundError", {}),
    ("DELETE", f"{KEYS}/{NOBODY}", 404, 3005, "API_KEY_NOT_FOUND", "NotFoundError", {}),
    ("GET", "/v1/nonsense", 404, 3000, "NOT_FOUND", "NotFoundError", {}),
    ("GET", "/nonsense", 404, 3000, "NOT_FOUND", "NotFoundError", {}),
    ("PATCH", NOTES, 405, 3006, "METHOD_NOT_ALLOWED", "ValidationError", {}),
    ("GET", "/v1/token", 405, 3006, "METHOD_NOT_ALLOWED", "ValidationError", {}),
]


@promise("contract", "Errors", "Bad requests and unknown things have the table's status, code, name and type")
@pytest.mark.parametrize(("method", "path", "status", "code", "name", "kind", "content"), TABLE)
async def test_errors_of_the_table(
    user: ApiUser,
    method: str,
    path: str,
    status: int,
    code: int,
    name: str,
    kind: str,
    content: dict[str, Any],
) -> None:
    error = await user.refused(method, path, status, **content)
    assert (error["code"], error["name"], error["type"]) == (code, name, kind)


@promise(
    "contract", "Errors", "401: INVALID_TOKEN, TOKEN_EXPIRED and INVALID_API_KEY are AuthenticationErrors"
)
async def test_errors_of_authentication(clock: SettableClock, user: ApiUser) -> None:
    clock.now = datetime(2025, 1, 1, tzinfo=timezone.utc)
    expired = await user.token()
    for headers, code, name in (
        ({"Authorization": "Bearer nonsense"}, 1001, "INVALID_TOKEN"),
        (expired.headers, 1002, "TOKEN_EXPIRED"),
        (key_headers("sk_live_unknown", "secret"), 1003, "INVALID_API_KEY"),
    ):
        error = await ApiUser(user.http, headers).refused("GET", NOTES, 401)
        assert (error["code"], error["name"], error["type"]) == (code, name, "AuthenticationError")


@promise("contract", "Errors", "403: INSUFFICIENT_SCOPE is an AuthorizationError")
async def test_errors_of_scope(user: ApiUser) -> None:
    error = await (await user.with_scopes("account:read")).refused("GET", NOTES, 403)
    assert (error["code"], error["name"], error["type"]) == (1004, "INSUFFICIENT_SCOPE", "AuthorizationError")


@promise("contract", "Errors", "409: CONFLICT is a ConflictError")
async def test_errors_of_conflict(user: ApiUser) -> None:
    body = {"url": HOOK_URL, "events": ["voicenote.created"]}
    await user.post(WEBHOOKS, body)
    error = await user.refused("POST", WEBHOOKS, 409, json=body)
    assert (error["code"], error["name"], error["type"]) == (3009, "CONFLICT", "ConflictError")


@promise(
    "contract",
    "Errors",
    "429: RATE_LIMIT_EXCEEDED is a RateLimitError, with `success` false and `Retry-After`",
)
async def test_errors_of_rate(service: Service) -> None:
    free = await service.new_user(plan=Plan.FREE)
    for _ in range(20):
        await free.get(WEBHOOKS)
    answer = await free.call("GET", WEBHOOKS)
    body = answer.json()
    error = body["error"]
    assert (answer.status_code, body["success"]) == (429, False)
    assert (error["code"], error["name"], error["type"]) == (4003, "RATE_LIMIT_EXCEEDED", "RateLimitError")
    assert answer.headers["Retry-After"] == str(error["details"]["retry_after"])


@promise("contract", "Errors", "500: INTERNAL_ERROR is a ServerError that tells nothing of the inside")
async def test_errors_of_a_crash(service: Service, user: ApiUser) -> None:
    database = service.api.context.database
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE webhooks RENAME TO elsewhere"))
    try:
        answer = await user.call("GET", WEBHOOKS)
    finally:
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE elsewhere RENAME TO webhooks"))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["name"]) == (500, 5001, "INTERNAL_ERROR")
    assert error["type"] == "ServerError"
    assert not any(word in answer.text for word in ("Traceback", "SELECT", "webhooks", ".py", '"detail"'))


@promise("contract", "Errors", "503: SERVICE_UNAVAILABLE is a ServerError")
async def test_errors_of_a_missing_database(
    cluster: EmbeddedPostgres, tmp_path: Path, clock: SettableClock
) -> None:
    async with running_app(Settings(data_dir=tmp_path), cluster.url("missing"), clock) as api:
        nobody = ApiUser(api.http, key_headers("sk_live_any", "secret"))
        answer = await nobody.call("GET", NOTES)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["name"]) == (503, 5003, "SERVICE_UNAVAILABLE")
    assert error["type"] == "ServerError"
    assert not any(word in answer.text for word in ("Traceback", "missing", "psycopg", ".py"))


@promise("contract", "Errors", "404 messages name the thing: voice note, recording, webhook, API key")
async def test_errors_name_the_thing(user: ApiUser) -> None:
    for path, message in (
        (NOTES, "Voice note not found"),
        ("/v1/recordings", "Recording not found"),
        (WEBHOOKS, "Webhook not found"),
        (KEYS, "API key not found"),
    ):
        assert (await user.refused("GET", f"{path}/{NOBODY}", 404))["message"] == message


@promise("contract", "Errors", "No answer has FastAPI's `detail`, whatever comes in")
@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/v1/token", {"content": b"\xff\xfe", "headers": {"Content-Type": "application/json"}}),
        ("POST", "/v1/token", {"content": b"a=1", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "/v1/upload", {"json": [1]}),
        ("POST", "/v1/upload", {"json": {"file_name": "a\x00b"}}),
        ("POST", NOTES, {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}),
        ("GET", f"{NOTES}?limit=1&limit=2", {}),
        ("GET", f"{NOTES}?user_id=%FF", {}),
        ("GET", f"{NOTES}?page={10**30}", {}),
        ("PUT", "/v1/uploads/nothing", {"content": b"x"}),
    ],
)
async def test_errors_have_one_shape(user: ApiUser, method: str, path: str, content: dict[str, Any]) -> None:
    answer = await user.call(method, path, **content)
    assert 400 <= answer.status_code < 500
    assert list(answer.json()) == ["error"]
    assert list(answer.json()["error"]) == ["code", "name", "type", "message", "details", "request_id"]


@promise("contract", "Rate limits", "A tenant's keys share one bucket")
async def test_limits_are_per_tenant(service: Service) -> None:
    pro, other = [await service.new_user(plan=Plan.PRO) for _ in range(2)]
    second = await pro.with_scopes("webhooks:read")
    assert (await second.call("GET", WEBHOOKS)).headers["X-RateLimit-Remaining"] == "198"
    assert (await other.call("GET", WEBHOOKS)).headers["X-RateLimit-Remaining"] == "199"


@promise("contract", "Rate limits", "A user with a token has a bucket of its own")
async def test_limits_are_per_user(service: Service) -> None:
    pro = await service.new_user(plan=Plan.PRO)
    ann, bob = await pro.token(user_id="ann"), await pro.token(user_id="bob")
    for user, left in ((ann, "199"), (ann, "198"), (bob, "199"), (pro, "197")):
        assert (await user.call("GET", NOTES)).headers["X-RateLimit-Remaining"] == left


@promise("contract", "Rate limits", "The first tenant of a self-hosted server is Enterprise, 6000 a minute")
async def test_limits_of_the_first_tenant(user: ApiUser) -> None:
    headers = (await user.call("GET", WEBHOOKS)).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("6000", "11999")


@promise("contract", "Rate limits", "Errors carry the headers, too")
async def test_limits_on_errors(library: Library, user: ApiUser) -> None:
    answers = [
        await user.call("GET", f"{NOTES}/{NOBODY}"),
        await user.call("POST", "/v1/token", json={}),
        await ApiUser(user.http, {}).call("GET", NOTES),
        await library.user.call("GET", f"{library.failed['uri']}/transcription"),
        await user.call("POST", NOTES, files={"file": (SPOKEN, (AUDIO / "text.webm").read_bytes())}),
    ]
    assert {answer.status_code for answer in answers} == {400, 401, 404}
    for answer in answers:
        assert {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} <= {
            name.title().replace("Ratelimit", "RateLimit") for name in answer.headers
        }
