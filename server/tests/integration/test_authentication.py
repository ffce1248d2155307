"""Who gets in, and what they may do."""

import json
from datetime import timedelta

import pytest
from fastapi import APIRouter
from sqlalchemy import update
from support.app import Account, Api, SettableClock

from vocafuse_server.accounts.models import ApiKey, KeyStatus, Tenant
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.dialects.routing import AnyCaller, AuthenticatedRoute


async def test_no_credentials_are_refused_before_the_body_is_read(api: Api) -> None:
    answer = await api.http.post("/v1/token", content=b"{not json")
    assert answer.status_code == 401
    error = answer.json()["error"]
    assert (error["code"], error["name"], error["type"]) == (1003, "INVALID_API_KEY", "AuthenticationError")
    assert error["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("broken", ["X-VocaFuse-API-Key", "X-VocaFuse-API-Secret"])
async def test_half_a_key_pair_or_a_wrong_one_is_refused(api: Api, account: Account, broken: str) -> None:
    half = {name: value for name, value in account.headers.items() if name != broken}
    for headers in ({**account.headers, broken: "wrong"}, half):
        answer = await api.http.get("/v1/voicenotes", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1003)


async def test_a_revoked_or_expired_key_is_refused(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).status_code == 200
    async with database.transaction() as session:
        await session.execute(update(ApiKey).values(expires_at=clock.now + timedelta(hours=1)))
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).status_code == 200
    clock.advance(timedelta(hours=1))
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["error"]["code"] == 1003
    async with database.transaction() as session:
        await session.execute(update(ApiKey).values(expires_at=None, status=KeyStatus.REVOKED))
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["error"]["code"] == 1003


async def test_the_token_endpoint_answers_as_published(api: Api, account: Account) -> None:
    answer = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u1", "extra": [1]})
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["success", "token", "message", "data"]
    assert body["success"] is True
    assert body["data"] == {
        "jwt_token": body["token"],
        "id_token": body["token"],
        "token_type": "Bearer",
        "expires_in": 3600,
        "tenant_id": str(account.id),
        "scopes": ["voice-api.upload_recording", "voice-api.read_recording"],
    }


async def test_a_missing_user_id_is_told_as_published(api: Api, account: Account) -> None:
    for body in ({}, {"user_id": None}):
        answer = await api.http.post("/v1/token", headers=account.headers, json=body)
        error = answer.json()["error"]
        assert answer.status_code == 400
        assert (error["code"], error["type"]) == (2001, "ValidationError")
        assert error["message"] == "user_id is required in request body"
        assert error["details"] == {"field": "user_id", "reason": "missing required field"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", 7),
        ("user_id", ""),
        ("user_id", "x" * 256),
        ("user_id", "a\x00b"),
        ("user_id", "\ud800"),
        ("expires_in", 59),
        ("expires_in", 86401),
        ("expires_in", "3600"),
        ("expires_in", 3600.5),
        ("expires_in", True),
        ("scopes", "voicenotes:read"),
        ("scopes", ["nonsense"]),
        ("scopes", []),
    ],
)
async def test_unusable_token_fields_are_named(api: Api, account: Account, field: str, value: object) -> None:
    body = {"user_id": "u1", field: value}
    headers = {**account.headers, "Content-Type": "application/json"}
    answer = await api.http.post("/v1/token", headers=headers, content=json.dumps(body))
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, 2003), error
    assert error["details"]["field"].startswith(field)


async def test_a_token_expires(api: Api, account: Account) -> None:
    # PyJWT reads the real time, so the token is made in the past instead of used in the future.
    made = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u1", "expires_in": 60})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = await api.http.get("/v1/voicenotes", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1002)


@pytest.mark.parametrize("value", ["Bearer nonsense", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b.c", ""])
async def test_a_bad_token_is_told_as_a_token(api: Api, value: str) -> None:
    answer = await api.http.get("/v1/voicenotes", headers={"Authorization": value})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1001)


async def test_a_suspended_tenants_tokens_stop_working(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    clock.now = utc_now()
    made = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u1"})
    headers = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await api.http.get("/v1/voicenotes", headers=headers)).status_code == 200
    async with database.transaction() as session:
        await session.execute(update(Tenant).values(status="suspended"))
    assert (await api.http.get("/v1/voicenotes", headers=headers)).json()["error"]["code"] == 1001


async def test_nobody_hands_on_more_than_they_hold(api: Api, account: Account, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(ApiKey).values(scopes=["voicenotes:read"]))
    ask = {"user_id": "u1"}
    refused = await api.http.post("/v1/token", headers=account.headers, json=ask)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, 1004)
    read_only = {**ask, "scopes": ["voice-api.read_recording"]}
    assert (await api.http.post("/v1/token", headers=account.headers, json=read_only)).status_code == 200
    webhooks = {**ask, "scopes": ["webhooks:write"]}
    assert (await api.http.post("/v1/token", headers=account.headers, json=webhooks)).status_code == 403
    assert (await api.http.get("/v1/webhooks", headers=account.headers)).json()["error"]["code"] == 1004
    upload = await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "a.wav"})
    assert upload.json()["error"]["details"] == {"required_scope": "voicenotes:write"}


async def test_a_key_pair_is_no_token_in_v1(api: Api, account: Account) -> None:
    pair = f"{account.key_pair.api_key}:{account.key_pair.api_secret}"
    answer = await api.http.get("/v1/voicenotes", headers={"Authorization": f"Bearer {pair}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1001)


@pytest.fixture
async def pairs(api: Api) -> Api:
    """The app with a route that takes key pairs as tokens, and says who asks."""

    class PairRoute(AuthenticatedRoute):
        pair_as_token = True

    router = APIRouter(route_class=PairRoute)

    @router.get("/who")
    async def who(caller: AnyCaller) -> dict[str, str | None]:
        return {"tenant": str(caller.tenant_id), "identity": caller.identity, "key": str(caller.key_id)}

    api.app.include_router(router)
    return api


async def test_a_key_pair_does_as_a_token_where_a_route_says_so(
    pairs: Api, account: Account, clock: SettableClock
) -> None:
    pair = f"{account.key_pair.api_key}:{account.key_pair.api_secret}"
    answer = await pairs.http.get("/who", headers={"Authorization": f"bearer  {pair} "})
    by_headers = await pairs.http.get("/who", headers=account.headers)
    assert answer.status_code == 200
    assert answer.json() == by_headers.json()
    assert (answer.json()["tenant"], answer.json()["identity"]) == (str(account.id), None)
    for wrong in (
        f"{pair}x",
        f"{account.key_pair.api_key}:",
        ":",
        f":{account.key_pair.api_secret}",
        f"x{pair}",
    ):
        refused = await pairs.http.get("/who", headers={"Authorization": f"Bearer {wrong}"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, 1003)
    clock.now = utc_now()
    made = await pairs.http.post("/v1/token", headers=account.headers, json={"user_id": "u1"})
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    assert (await pairs.http.get("/who", headers=token)).json()["identity"] == "u1"
