"""Users with tokens of an external issuer, in the whole app: what they reach, and how they are refused."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import jwt
import pytest
from sqlalchemy import update
from support.app import Account, Api, SettableClock, running_app
from support.issuer import AUDIENCE, JWKS_PATH, Issuer, claims
from support.web import response

from vocafuse_server.accounts.models import Tenant
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.settings import Settings
from vocafuse_server.core.token_issuers import TokenIssuer

SECRET = "a secret that is shared with the issuer"


@pytest.fixture
async def api(issuer: Issuer, database_url: str, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Api]:
    """An app that accepts an issuer for the default tenant, and one with a secret for whatever it names."""
    other = {"issuer": "other", "audience": AUDIENCE, "secret": SECRET, "tenant_claim": "tenant"}
    settings = Settings(
        data_dir=tmp_path, token_issuers=(issuer.described(), TokenIssuer.model_validate(other))
    )
    async with running_app(settings, database_url, clock) as api:
        yield api


@pytest.fixture
async def default_account(account: Account, database: Database) -> Account:
    """The account as the default tenant."""
    async with database.transaction() as session:
        await session.execute(update(Tenant).where(Tenant.id == account.id).values(is_default=True))
    return account


async def list_notes(api: Api, token: str) -> httpx2.Response:
    return await api.http.get("/v1/voicenotes", headers={"Authorization": f"Bearer {token}"})


async def upload(api: Api, headers: dict[str, str]) -> httpx2.Response:
    return await api.http.post("/v1/upload", headers=headers, json={"file_name": "a.wav"})


async def test_an_external_user_reads_and_writes_its_own_notes_only(
    api: Api, issuer: Issuer, default_account: Account
) -> None:
    mine, other = (issuer.token("k1", sub=sub) for sub in ("me", "other"))
    made = await upload(api, {"Authorization": f"Bearer {mine}"})
    assert made.status_code == 201
    note = f"/v1/voicenotes/{made.json()['voicenote_id']}"
    for token, status in ((mine, 200), (other, 404)):
        answer = await api.http.get(note, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    seen = await api.http.get(note, headers=default_account.headers)
    assert seen.json()["user_id"] == "me"
    for path in ("/v1/webhooks", "/v1/account"):
        refused = await api.http.get(path, headers={"Authorization": f"Bearer {mine}"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, 1004)


async def test_a_tenant_claim_reaches_that_tenant_only(
    api: Api, default_account: Account, other_account: Account
) -> None:
    token = jwt.encode(claims(iss="other", tenant=str(other_account.id)), SECRET, "HS256")
    made = await upload(api, {"Authorization": f"Bearer {token}"})
    note = f"/v1/voicenotes/{made.json()['voicenote_id']}"
    assert (await api.http.get(note, headers=other_account.headers)).status_code == 200
    assert (await api.http.get(note, headers=default_account.headers)).status_code == 404
    unknown = jwt.encode(claims(iss="other", tenant=str(uuid4())), SECRET, "HS256")
    assert (await list_notes(api, unknown)).status_code == 401


async def test_external_tokens_fail_like_our_own(
    api: Api, issuer: Issuer, default_account: Account, database: Database
) -> None:
    expired = issuer.token("k1", exp=utc_now() - timedelta(hours=1))
    wrong = issuer.token("k1", aud="others")
    unknown = jwt.encode(claims(iss="stranger"), SECRET, "HS256")
    disguised = jwt.encode(claims(iss="vocafuse", tenant_id=str(default_account.id)), SECRET, "HS256")
    for token, code in ((expired, 1002), (wrong, 1001), (unknown, 1001), (disguised, 1001)):
        answer = await list_notes(api, token)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
    assert (await list_notes(api, issuer.token("k1"))).status_code == 200
    async with database.transaction() as session:
        await session.execute(update(Tenant).values(status="suspended"))
    assert (await list_notes(api, issuer.token("k1"))).json()["error"]["code"] == 1001


async def test_without_a_default_tenant_nobody_gets_in(api: Api, issuer: Issuer, account: Account) -> None:
    answer = await list_notes(api, issuer.token("k1"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1001)


async def test_an_outage_of_the_issuer_is_told_as_one(
    api: Api, issuer: Issuer, default_account: Account
) -> None:
    issuer.site.answers[JWKS_PATH] = response(b"", status="500 Oops")
    answer = await list_notes(api, issuer.token("k1"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 5003)


async def test_our_own_tokens_ask_no_issuer(
    api: Api, issuer: Issuer, default_account: Account, clock: SettableClock
) -> None:
    clock.now = utc_now()
    own = await api.http.post("/v1/token", headers=default_account.headers, json={"user_id": "me"})
    assert (await list_notes(api, own.json()["token"])).status_code == 200
    assert issuer.times_read() == 0
