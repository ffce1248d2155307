"""Whatever comes in, the answer is an error body of the published shape, and never a crash."""

import math
from typing import cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.app import Account, Api, SettableClock, running_app

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.settings import Settings

SHAPE = {"code", "name", "type", "message", "details", "request_id"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(
    [
        "user_id",
        "expires_in",
        "scopes",
        "file_name",
        "file_size",
        "custom_tags",
        "sdk_metadata",
        "language",
        "url",
        "events",
        "secret",
    ]
)


def assert_is_error_body(status: int, body: dict[str, dict[str, object]]) -> None:
    assert 400 <= status < 500, body
    assert set(body) == {"error"}
    assert set(body["error"]) == SHAPE
    assert "Traceback" not in str(body)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nonsense", 404, 3000),
        ("GET", "/nonsense", 404, 3000),
        ("GET", "/v1/voicenotes/", 404, 3000),
        ("PATCH", "/v1/voicenotes", 405, 3006),
        ("DELETE", "/v1/token", 405, 3006),
    ],
)
async def test_unknown_paths_and_methods(
    api: Api, account: Account, method: str, path: str, status: int, code: int
) -> None:
    answer = await api.http.request(method, path, headers=account.headers)
    assert_is_error_body(answer.status_code, answer.json())
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"user_id": "a"} trailing']
)
async def test_bodies_that_are_no_json_object(api: Api, account: Account, content: bytes) -> None:
    headers = {**account.headers, "Content-Type": "application/json"}
    answer = await api.http.post("/v1/token", headers=headers, content=content)
    assert_is_error_body(answer.status_code, answer.json())
    assert answer.json()["error"]["code"] == 2001


async def test_another_content_type_is_refused(api: Api, account: Account) -> None:
    for content_type in (
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ):
        headers = {**account.headers, "Content-Type": content_type}
        answer = await api.http.post("/v1/token", headers=headers, content=b'{"user_id": "a"}')
        assert_is_error_body(answer.status_code, answer.json())


async def test_a_huge_json_body_is_refused_as_it_comes(api: Api, account: Account) -> None:
    for content_type in ("application/json", "multipart/form-data; boundary=x"):
        headers = {**account.headers, "Content-Type": content_type}
        answer = await api.http.post("/v1/token", headers=headers, content=b" " * 300_000)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, 2004)


async def test_a_crash_is_a_bare_answer_that_browsers_can_read(api: Api, account: Account) -> None:
    async with api.context.database.transaction() as session:
        await session.execute(text("ALTER TABLE notes RENAME TO elsewhere"))
    headers = {**account.headers, "Origin": "https://app.example.com"}
    answer = await api.http.get(f"/v1/voicenotes/{UUID(int=0)}", headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]) == (500, 5001, {})
    assert "notes" not in error["message"]
    assert error["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_database_that_is_away_is_told_as_such(
    cluster: EmbeddedPostgres, settings: Settings, clock: SettableClock
) -> None:
    nowhere = cluster.url("missing")
    async with running_app(settings, nowhere, clock) as api:
        keys = {"X-VocaFuse-API-Key": "k", "X-VocaFuse-API-Secret": "s"}
        answer = await api.http.get("/v1/voicenotes", headers=keys)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["name"]) == (503, 5003, "SERVICE_UNAVAILABLE")
        assert answer.headers["Retry-After"] == "1"
        ready = await api.http.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "unavailable")
        assert (await api.http.get("/healthz")).status_code == 200


@given_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/v1/token", "/v1/upload", "/v1/webhooks"]),
    body=st.dictionaries(fields, json_values, max_size=5),
)
async def test_no_body_crashes_a_route(
    api: Api, account: Account, path: str, body: dict[str, object]
) -> None:
    answer = await api.http.post(path, headers=account.headers, json=_sendable(body))
    if answer.status_code >= 300:
        assert_is_error_body(answer.status_code, answer.json())


@given_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/v1/voicenotes", "/v1/recordings", "/v1/webhooks"]),
    query=st.dictionaries(
        st.sampled_from(["page", "limit", "status", "date_from", "date_to", "user_id"]),
        st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.integers().map(str),
        max_size=4,
    ),
)
async def test_no_query_crashes_a_route(api: Api, account: Account, path: str, query: dict[str, str]) -> None:
    answer = await api.http.get(path, headers=account.headers, params=query)
    if answer.status_code >= 300:
        assert_is_error_body(answer.status_code, answer.json())


def _sendable(value: object) -> object:
    """Numbers that JSON doesn't have, as text: this is about the server, not about the client."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {key: _sendable(item) for key, item in members.items()}
    if isinstance(value, list):
        return [_sendable(item) for item in cast("list[object]", value)]
    return value
