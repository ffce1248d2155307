"""The console: what the server hands out for it, and its sessions."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from support.app import Account, Api, SettableClock

from vocafuse_server.accounts import sessions
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.secrets import new_key_pair
from vocafuse_server.accounts.tenants import create_tenant
from vocafuse_server.core.clock import utc_now
from vocafuse_server.transcription.languages import LANGUAGES

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "console" / "page"
SESSION = "/console/session"


async def begin(api: Api, account: Account) -> dict[str, str]:
    """The headers of a session that an account's key pair has begun."""
    answer = await api.http.post(SESSION, headers=account.headers)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert data["tenant_id"] == str(account.id)
    assert data["expires_in"] == 3600
    return {"Authorization": f"Bearer {data['id_token']}"}


async def status_of(api: Api, headers: dict[str, str]) -> int:
    return (await api.http.get("/v1/account", headers=headers)).status_code


async def test_the_page_and_all_that_it_loads(api: Api) -> None:
    page = await api.http.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy)
    assert "unsafe" not in page.headers["content-security-policy"]
    assert " style=" not in page.text
    assert "<script>" not in page.text
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await api.http.get(f"/{path}")).status_code == 200, path
    for path in ("console/../app.py", "console/vendor/wavesurfer.esm.d.ts", "console/none.js"):
        assert (await api.http.get(f"/{path}")).status_code == 404, path
    again = await api.http.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304


def test_the_languages_are_those_of_the_model() -> None:
    [codes] = re.findall(r'"(af [a-z ]+)"', (PAGE / "languages.js").read_text())
    assert set(codes.split()) == set(LANGUAGES)


async def test_a_session_may_do_what_its_key_may(api: Api, account: Account) -> None:
    session = await begin(api, account)
    assert await status_of(api, session) == 200
    narrow = await api.http.post(
        "/v1/account/api-keys", headers=session, json={"scopes": ["voicenotes:read"]}
    )
    pair = {
        "X-VocaFuse-API-Key": narrow.json()["api_key"],
        "X-VocaFuse-API-Secret": narrow.json()["api_secret"],
    }
    of_narrow = (await api.http.post(SESSION, headers=pair)).json()["data"]
    assert of_narrow["scopes"] == ["voicenotes:read"]
    assert await status_of(api, {"Authorization": f"Bearer {of_narrow['id_token']}"}) == 403


async def test_a_session_ends_after_an_hour_unless_it_is_used(
    api: Api, account: Account, clock: SettableClock
) -> None:
    session = await begin(api, account)
    clock.advance(timedelta(minutes=50))
    assert (await api.http.post(SESSION, headers=session)).json()["data"]["expires_in"] == 3600
    clock.advance(timedelta(minutes=50))
    assert await status_of(api, session) == 200
    clock.advance(timedelta(minutes=10))
    assert await status_of(api, session) == 401
    assert (await api.http.post(SESSION, headers=session)).status_code == 401


async def test_nobody_stays_signed_in_for_longer_than_half_a_day(
    api: Api, account: Account, clock: SettableClock
) -> None:
    session, lasts_s = await begin(api, account), 0
    for _ in range(13):
        clock.advance(timedelta(minutes=54))
        lasts_s = (await api.http.post(SESSION, headers=session)).json()["data"]["expires_in"]
    assert lasts_s == timedelta(hours=12).total_seconds() - 13 * 54 * 60
    clock.advance(timedelta(seconds=lasts_s))
    assert await status_of(api, session) == 401


async def test_a_session_ends_with_its_key(api: Api, account: Account) -> None:
    made = (await api.http.post("/v1/account/api-keys", headers=account.headers, json={})).json()
    pair = {"X-VocaFuse-API-Key": made["api_key"], "X-VocaFuse-API-Secret": made["api_secret"]}
    answer = await api.http.post(SESSION, headers=pair)
    session = {"Authorization": f"Bearer {answer.json()['data']['id_token']}"}
    assert await status_of(api, session) == 200
    own = await api.http.delete(f"/v1/account/api-keys/{made['id']}", headers=session)
    assert own.status_code == 409
    await api.http.delete(f"/v1/account/api-keys/{made['id']}", headers=account.headers)
    assert await status_of(api, session) == 401


async def test_signing_out_ends_a_session_on_the_server(api: Api, account: Account) -> None:
    session = await begin(api, account)
    assert (await api.http.delete(SESSION, headers=session)).status_code == 204
    assert await status_of(api, session) == 401


async def test_a_token_begins_no_session(api: Api, account: Account, clock: SettableClock) -> None:
    clock.now = utc_now()  # Tokens are good by the real clock.
    minted = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "ann"})
    token = {"Authorization": f"Bearer {minted.json()['token']}"}
    assert (await api.http.post(SESSION, headers=token)).status_code == 403
    assert (await api.http.post(SESSION)).status_code == 401


@pytest.fixture
async def code(api: Api, clock: SettableClock) -> str:
    """A link's code, for the default tenant."""
    async with api.context.database.transaction() as session:
        assert await sessions.make_link(session, now=clock.now) is None
        await create_tenant(
            session,
            name="Default",
            plan=Plan.ENTERPRISE,
            key_pair=new_key_pair(),
            now=clock.now,
            is_default=True,
        )
        made = await sessions.make_link(session, now=clock.now)
    assert made is not None
    return made


async def test_a_link_signs_in_once(api: Api, code: str) -> None:
    first = await api.http.post(f"{SESSION}/link", headers={"X-Sign-In-Code": code})
    assert await status_of(api, {"Authorization": f"Bearer {first.json()['id_token']}"}) == 200
    second = await api.http.post(f"{SESSION}/link", headers={"X-Sign-In-Code": code})
    assert (second.status_code, second.json()["error"]["code"]) == (401, 1001)
    assert (await api.http.post(f"{SESSION}/link")).status_code == 400


async def test_a_link_is_good_for_ten_minutes(api: Api, code: str, clock: SettableClock) -> None:
    clock.advance(timedelta(minutes=10))
    late = await api.http.post(f"{SESSION}/link", headers={"X-Sign-In-Code": code})
    assert late.status_code == 401
