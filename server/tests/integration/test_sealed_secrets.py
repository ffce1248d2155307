"""Secrets that the server has to read again: never in the clear in the database, also after an upgrade."""

import json
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.pool import NullPool
from support.app import Account, Api, SettableClock, running_app

from vocafuse_server.core.database import Database, sqlalchemy_url
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.keys import GivenKeys, KeyFile
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.schema import alembic_config
from vocafuse_server.webhooks.sealing import seal_all_anew

HOOK = {"url": "https://93.184.215.14/hook", "events": ["voicenote.created"]}
CHOSEN = "chosen-by-the-customer"


async def everything_in(database: Database) -> str:
    """Every row of every table, as text."""
    async with database.transaction() as session:
        tables = await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = [
            str(row)
            for table in tables.all()
            for row in await session.scalars(text(f'SELECT one::text FROM "{table}" AS one'))
        ]
    return "\n".join(rows)


async def call(api: Api, account: Account, path: str, key: str, body: object) -> dict[str, Any]:
    headers = {**account.headers, "Idempotency-Key": key}
    answer = await api.http.post(path, headers=headers, json=body)
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_no_secret_is_in_the_database(api: Api, account: Account, database: Database) -> None:
    made = await call(api, account, "/v1/webhooks", "a", {**HOOK, "secret": CHOSEN})
    rotated = await call(api, account, f"{made['uri']}/rotate-secret", "b", {})
    upload = await call(api, account, "/v1/upload", "c", {"file_name": "a.wav"})
    key = await call(api, account, "/v1/account/api-keys", "d", {})
    signature = upload["presigned_url"].rpartition("signature=")[2]
    stored = await everything_in(database)
    assert made["id"] in stored
    assert key["api_key"] in stored
    for hidden in (
        CHOSEN,
        rotated["secret"],
        signature,
        key["api_secret"],
        account.key_pair.api_secret,
    ):
        assert hidden not in stored
    again = await call(api, account, f"{made['uri']}/rotate-secret", "b", {})
    assert again == rotated


async def test_secrets_are_sealed_anew_with_a_new_key(
    api: Api, account: Account, database: Database, settings: Settings, clock: SettableClock
) -> None:
    made = await call(api, account, "/v1/webhooks", "a", HOOK)
    rotated = await call(api, account, f"{made['uri']}/rotate-secret", "b", {})
    file = KeyFile(settings.data_dir / "encryption.key", old_kept=timedelta(days=1), clock=clock)
    assert await seal_all_anew(database, SecretBox(file)) == 0
    old, new = file.good_keys()[0].id, file.rotate().id
    assert await seal_all_anew(database, SecretBox(file)) == 1
    async with database.transaction() as session:
        sealed = (await session.execute(text("SELECT secret, old_secrets::text FROM webhooks"))).one()
    assert sealed[0].startswith(f"v1:{new}:")
    assert new in sealed[1]
    assert old not in sealed[1]
    # The answers to keyed requests are still sealed with the old one.
    assert await call(api, account, f"{made['uri']}/rotate-secret", "b", {}) == rotated


async def test_a_sealed_secret_is_of_use_in_its_own_row_only(
    api: Api, account: Account, other_account: Account, database: Database
) -> None:
    """Who can write to the database can't have another tenant's secret shown or signed with."""
    victim = await call(api, account, "/v1/webhooks", "a", HOOK)
    await call(api, other_account, "/v1/webhooks", "a", HOOK)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE webhooks SET secret = (SELECT secret FROM webhooks WHERE id = :id) WHERE id <> :id"),
            {"id": victim["id"]},
        )
        await session.execute(
            text(
                "UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys"
                " WHERE tenant_id = :id)"
            ),
            {"id": account.id},
        )
    replayed = await api.http.post(
        "/v1/webhooks", headers={**other_account.headers, "Idempotency-Key": "a"}, json=HOOK
    )
    assert replayed.status_code == 500
    assert victim["secret"] not in replayed.text


async def test_without_its_key_a_secret_is_unreadable_and_can_be_replaced(
    settings: Settings, database_url: str, clock: SettableClock, account: Account, database: Database
) -> None:
    async with running_app(settings, database_url, clock) as api:
        made = await call(api, account, "/v1/webhooks", "a", HOOK)
    (settings.data_dir / "encryption.key").unlink()
    async with running_app(settings, database_url, clock) as api:
        assert await seal_all_anew(database, api.context.box) == 0
        rotated = await call(api, account, f"{made['uri']}/rotate-secret", "b", {})
        shown = await api.http.get(made["uri"], headers=account.headers)
    assert shown.status_code == 200
    assert rotated["secret"] != made["secret"]


async def test_what_was_stored_in_the_clear_is_sealed(api: Api, account: Account, database: Database) -> None:
    made = [
        await call(api, account, "/v1/webhooks", str(number), {**HOOK, "url": f"{HOOK['url']}/{number}"})
        for number in range(103)  # More than are sealed in one go.
    ]
    async with database.transaction() as session:
        await session.execute(text("UPDATE webhooks SET secret = 'plain:whsec_abc'"))
    assert await seal_all_anew(database, api.context.box) == len(made)
    assert "whsec_abc" not in await everything_in(database)
    rotated = await call(api, account, f"{made[0]['uri']}/rotate-secret", "b", {"secret": "whsec_abc"})
    assert rotated["secret"] == "whsec_abc"
    assert await seal_all_anew(database, api.context.box) == 0


def test_what_was_stored_in_the_clear_is_marked_and_can_be_put_back(cluster: EmbeddedPostgres) -> None:
    cluster.ensure_database("unsealed")
    engine = create_engine(sqlalchemy_url(cluster.url("unsealed")), poolclass=NullPool)
    with engine.begin() as connection:
        config = alembic_config(connection)
        before = ScriptDirectory.from_config(config).get_revision("0009").down_revision
        assert isinstance(before, str)
        command.upgrade(config, before)
        connection.execute(text(_OLDER_ROWS), {"id": new_uuid(), "old": json.dumps(_OLD)})
        command.upgrade(config, "0009")
        assert connection.execute(text("SELECT secret, old_secrets FROM webhooks")).one() == (
            "plain:whsec_abc",
            [{**one, "secret": f"plain:{one['secret']}"} for one in _OLD],
        )
        assert connection.scalar(text("SELECT answer FROM idempotency_keys")) == "plain:{}"
        command.downgrade(config, before)
        assert connection.execute(text("SELECT secret, old_secrets FROM webhooks")).one() == (
            "whsec_abc",
            _OLD,
        )
        command.upgrade(config, "0009")
    with engine.begin() as connection:
        sealed = SecretBox(GivenKeys([b"k" * 48])).seal("whsec_abc", place="webhook")
        connection.execute(text("UPDATE webhooks SET secret = :sealed"), {"sealed": sealed})
    with engine.connect() as connection, pytest.raises(ProgrammingError, match="can't be unsealed"):
        command.downgrade(alembic_config(connection), before)
    engine.dispose()


_OLD = [{"secret": "whsec_older", "until": 1_760_000_000}, {"secret": "with 'quotes'", "until": 1}]
_OLDER_ROWS = """
WITH tenant AS (
  INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (:id, 'T', 'pro', now(), now())
), answer AS (
  INSERT INTO idempotency_keys (tenant_id, identity, key, fingerprint, status, answer, created_at)
  VALUES (:id, '', 'a', '', 201, '{}', now())
)
INSERT INTO webhooks (id, tenant_id, url, events, secret, old_secrets, status, created_at, updated_at)
VALUES (:id, :id, 'https://a.test', '{}', 'whsec_abc', :old, 'active', now(), now())
"""
