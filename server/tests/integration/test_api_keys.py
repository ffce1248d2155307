"""API keys: made with no more than their maker holds, listed, counted, revoked."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock, running_app

from vocafuse_server.accounts.key_usage import KeyUsage
from vocafuse_server.accounts.queries import add_key_uses
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import ApiKeyId
from vocafuse_server.core.settings import Settings

PATH = "/v1/account/api-keys"
ALL_SCOPES = [
    *("voicenotes:read", "voicenotes:write", "webhooks:read", "webhooks:write"),
    *("account:read", "account:write"),
]
LISTED = [
    *("id", "name", "key_prefix", "scopes", "status", "last_used_at", "usage_count", "expires_at"),
    *("created_at", "updated_at", "uri"),
]


async def create(api: Api, account: Account, **fields: object) -> dict[str, Any]:
    answer = await api.http.post(PATH, headers=account.headers, json=fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def headers_of(made: dict[str, Any]) -> dict[str, str]:
    return {"X-VocaFuse-API-Key": made["api_key"], "X-VocaFuse-API-Secret": made["api_secret"]}


async def listed(api: Api, account: Account, query: str = "") -> list[dict[str, Any]]:
    answer = await api.http.get(f"{PATH}{query}", headers=account.headers)
    assert answer.status_code == 200, answer.text
    keys: list[dict[str, Any]] = answer.json()["api_keys"]
    return keys


async def test_the_key_and_its_secret_are_shown_once(api: Api, account: Account) -> None:
    made = await create(api, account, name="Production")
    assert list(made) == [
        *("id", "name", "api_key", "api_secret", "key_prefix", "scopes", "status", "expires_at"),
        *("created_at", "uri", "code"),
    ]
    assert made["api_key"].startswith("sk_live_")
    assert made["key_prefix"] == made["api_key"][:10]
    assert (made["name"], made["status"], made["code"]) == ("Production", "active", "API_KEY_CREATED")
    assert made["created_at"] == "2026-03-14T12:00:00"
    shown = await api.http.get(made["uri"], headers=account.headers)
    assert list(shown.json()) == LISTED
    newest, first = await listed(api, account)
    assert newest == shown.json()
    assert first["name"] == "First key"
    for secret in (made["api_key"], made["api_secret"]):
        assert secret not in shown.text
    assert (await api.http.get("/v1/voicenotes", headers=headers_of(made))).status_code == 200


async def test_a_key_holds_what_was_asked_and_no_more(api: Api, account: Account) -> None:
    assert (await create(api, account))["scopes"] == ALL_SCOPES
    asked = ["webhooks:read", "recordings:read", "voicenotes:read", "account:write"]
    made = await create(api, account, scopes=asked, name=None, expires_at=None, other=1)
    assert made["scopes"] == ["voicenotes:read", "webhooks:read", "account:write"]
    assert made["name"] == "API key"
    refused = await api.http.post("/v1/upload", headers=headers_of(made), json={"file_name": "a.wav"})
    assert refused.json()["error"]["code"] == 1004
    beyond = await api.http.post(
        PATH, headers=headers_of(made), json={"scopes": ["webhooks:write", "webhooks:read"]}
    )
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (403, 1004)
    assert beyond.json()["error"]["details"] == {"missing_scopes": ["webhooks:write"]}
    own = await api.http.post(PATH, headers=headers_of(made), json={})
    assert own.json()["scopes"] == made["scopes"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scopes", ["nonsense"]),
        ("scopes", ["voice-api.upload_recording"]),  # a token's
        ("scopes", []),
        ("scopes", "voicenotes:read"),
        ("scopes", [1]),
        ("name", ""),
        ("name", 7),
        ("name", "x" * 256),
        ("name", "a\x00b"),
        ("expires_at", "soon"),
        ("expires_at", "2026-03-14T12:00:00"),  # now
        ("expires_at", "2026-03-14T13:59:59+02:00"),
        ("expires_at", 1),
    ],
)
async def test_unusable_fields_are_named(api: Api, account: Account, field: str, value: object) -> None:
    answer = await api.http.post(PATH, headers=account.headers, json={field: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, 2003), error
    assert error["details"]["field"].startswith(field)


@pytest.mark.parametrize("scope", ["account:read", "account:write"])
async def test_keys_are_managed_with_the_scopes_of_accounts(api: Api, account: Account, scope: str) -> None:
    made = await create(api, account, scopes=[scope])
    for method, path in (("GET", PATH), ("GET", made["uri"]), ("POST", PATH), ("DELETE", made["uri"])):
        answer = await api.http.request(method, path, headers=headers_of(made), json={})
        needed = "account:read" if method == "GET" else "account:write"
        assert (answer.status_code == 403) == (needed != scope), (method, path, answer.text)


async def test_a_token_manages_no_keys(api: Api, account: Account, clock: SettableClock) -> None:
    clock.now = utc_now()  # PyJWT reads the real time
    token = (await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u"})).json()["token"]
    answer = await api.http.get(PATH, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 1004)


async def test_a_revoked_key_stays_listed_under_its_status_only(api: Api, account: Account) -> None:
    made = await create(api, account, name="Old")
    assert (await api.http.delete(made["uri"], headers=account.headers)).status_code == 204
    refused = await api.http.get("/v1/voicenotes", headers=headers_of(made))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 1003)
    assert [key["name"] for key in await listed(api, account)] == ["First key"]
    assert [key["name"] for key in await listed(api, account, "?status=active")] == ["First key"]
    [revoked] = await listed(api, account, "?status=revoked")
    assert (revoked["id"], revoked["status"]) == (made["id"], "revoked")
    assert (await api.http.get(made["uri"], headers=account.headers)).json() == revoked
    again = await api.http.delete(made["uri"], headers=account.headers)
    assert (again.status_code, again.json()["error"]["code"]) == (404, 3005)


async def test_a_revoked_key_is_refused_by_the_next_request_of_every_process(
    api: Api, account: Account, settings: Settings, database_url: str, clock: SettableClock
) -> None:
    async with running_app(settings, database_url, clock) as other:
        for _ in range(3):
            made = await create(api, account)
            for process in (api, other):
                assert (await process.http.get("/v1/voicenotes", headers=headers_of(made))).status_code == 200
            assert (await api.http.delete(made["uri"], headers=account.headers)).status_code == 204
            for process in (other, api):
                refused = await process.http.get("/v1/voicenotes", headers=headers_of(made))
                assert (refused.status_code, refused.json()["error"]["code"]) == (401, 1003)


async def test_an_expired_key_is_refused_and_listed_as_such(
    api: Api, account: Account, clock: SettableClock
) -> None:
    made = await create(api, account, expires_at="2026-03-14T15:00:00+02:00")
    assert made["expires_at"] == "2026-03-14T13:00:00"
    assert (await api.http.get("/v1/voicenotes", headers=headers_of(made))).status_code == 200
    clock.advance(timedelta(hours=1))
    refused = await api.http.get("/v1/voicenotes", headers=headers_of(made))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 1003)
    [expired] = await listed(api, account, "?status=expired")
    assert (expired["id"], expired["status"]) == (made["id"], "expired")
    assert [key["status"] for key in await listed(api, account)] == ["expired", "active"]
    assert [key["status"] for key in await listed(api, account, "?status=active")] == ["active"]
    await api.http.delete(made["uri"], headers=account.headers)
    assert await listed(api, account, "?status=expired") == []


async def test_pages_are_those_of_every_list(api: Api, account: Account) -> None:
    for number in range(3):
        await create(api, account, name=str(number))
    page = (await api.http.get(f"{PATH}?page=1&limit=2&status=active", headers=account.headers)).json()
    assert [key["name"] for key in page["api_keys"]] == ["0", "First key"]
    assert (page["total"], page["page_size"], page["next_page_uri"]) == (4, 2, None)
    assert page["previous_page_uri"] == f"{PATH}?page=0&limit=2&status=active"
    for query in ("status=gone", "limit=0", "page=-1"):
        bad = await api.http.get(f"{PATH}?{query}", headers=account.headers)
        assert (bad.status_code, bad.json()["error"]["code"]) == (400, 2003)


async def test_another_tenants_keys_are_unknown(api: Api, account: Account, other_account: Account) -> None:
    made = await create(api, account)
    for method, path in (("GET", made["uri"]), ("DELETE", made["uri"]), ("DELETE", f"{PATH}/key_1")):
        answer = await api.http.request(method, path, headers=other_account.headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["name"], error["message"]) == (
            *(404, 3005),
            *("API_KEY_NOT_FOUND", "API key not found"),
        )
    assert [key["name"] for key in await listed(api, other_account)] == ["First key"]


async def test_the_key_in_use_is_not_revoked(api: Api, account: Account) -> None:
    [own] = await listed(api, account)
    answer = await api.http.delete(own["uri"], headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, 3009)
    assert (await api.http.get(PATH, headers=account.headers)).status_code == 200


async def test_two_keys_that_revoke_each_other_leave_one(api: Api, account: Account) -> None:
    for _ in range(5):
        one, two = await create(api, account), await create(api, account)
        answers = await asyncio.gather(
            api.http.delete(one["uri"], headers=headers_of(two)),
            api.http.delete(two["uri"], headers=headers_of(one)),
        )
        assert sorted(answer.status_code for answer in answers) == [204, 401]


async def test_uses_are_counted_in_batches(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    made = await create(api, account)
    for _ in range(3):
        clock.advance(timedelta(seconds=1))
        await api.http.get("/v1/voicenotes", headers=headers_of(made))
    assert (await listed(api, account))[0]["usage_count"] == 0
    await api.context.key_usage.write(database)
    shown = (await listed(api, account))[0]
    assert (shown["usage_count"], shown["last_used_at"]) == (3, "2026-03-14T12:00:03")
    assert shown["updated_at"] == shown["created_at"]
    await api.context.key_usage.write(database)
    assert (await listed(api, account))[0]["usage_count"] == 3


async def test_what_is_not_yet_written_is_written_at_the_end(
    settings: Settings, database_url: str, database: Database, account: Account, clock: SettableClock
) -> None:
    async with running_app(settings, database_url, clock) as api:
        await api.http.get("/v1/voicenotes", headers=account.headers)
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT usage_count FROM api_keys"))).scalar_one() == 1


async def test_processes_that_count_at_once_lose_nothing(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    ids = [await _key_id(api, account, number) for number in range(8)]

    async def process(order: list[ApiKeyId], *, late: timedelta) -> None:
        for _ in range(5):
            async with database.transaction() as session:
                await add_key_uses(session, {key_id: (2, clock.now + late) for key_id in order})

    await asyncio.gather(
        process(ids, late=timedelta(seconds=9)),
        process(ids[::-1], late=timedelta()),
        process(ids[4:] + ids[:4], late=timedelta(seconds=5)),
    )
    keys = [key for key in await listed(api, account) if key["name"] != "First key"]
    assert [key["usage_count"] for key in keys] == [30] * 8
    assert {key["last_used_at"] for key in keys} == {"2026-03-14T12:00:09"}


async def test_a_database_that_is_away_loses_no_counts(
    account: Account, api: Api, database: Database, clock: SettableClock
) -> None:
    key_id = await _key_id(api, account, 1)
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    usage = KeyUsage()
    usage.record(key_id, now=clock.now)
    await usage.write(nowhere)
    usage.record(key_id, now=clock.now)
    await usage.write(database)
    assert (await listed(api, account))[0]["usage_count"] == 2
    await nowhere.close()


async def test_a_suspended_tenants_keys_stop_working(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE tenants SET status = 'suspended'"))
    answer = await api.http.get("/v1/voicenotes", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1003)


async def _key_id(api: Api, account: Account, number: int) -> ApiKeyId:
    return ApiKeyId(UUID((await create(api, account, name=str(number)))["id"]))
