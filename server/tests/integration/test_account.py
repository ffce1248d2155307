"""The account: what it shows, what can be changed, and what it used month by month and day by day."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from support.app import NOON, Account, Api, SettableClock
from support.clips import AUDIO

from vocafuse_server.accounts.usage import count_duration, count_note
from vocafuse_server.core.database import Database, sqlalchemy_url
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.ids import NoteId, TranscriptionId, new_uuid, parse_uuid
from vocafuse_server.notes.models import FIRST_RUN
from vocafuse_server.notes.runs import record_transcription
from vocafuse_server.schema import alembic_config, migrate

CLIP = AUDIO / "whats-the-weather-like.wav"
NOTHING = {
    "recordings_count": 0,
    "voicenotes_count": 0,
    "total_duration_seconds": 0.0,
    "storage_used_bytes": 0,
}


async def shown(api: Api, account: Account) -> dict[str, Any]:
    answer = await api.http.get("/v1/account", headers=account.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def put(api: Api, account: Account, **fields: object) -> dict[str, Any]:
    answer = await api.http.put("/v1/account", headers=account.headers, json=fields)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def upload(api: Api, account: Account) -> NoteId:
    files = {"file": (CLIP.name, CLIP.read_bytes())}
    answer = await api.http.post("/v1/voicenotes", headers=account.headers, files=files)
    found = parse_uuid(answer.json()["id"])
    assert found is not None
    return NoteId(found)


async def record(api: Api, note_id: NoteId, *, duration_s: float) -> None:
    """What the worker records of a note that it has transcribed."""
    async with api.context.database.transaction() as session:
        assert await record_transcription(
            session,
            api.context.queue,
            note_id,
            run=FIRST_RUN,
            audio={"duration_seconds": duration_s},
            transcription={
                "id": TranscriptionId(new_uuid()),
                "text": "What's the weather like?",
                "segments": [],
                "words": [],
                "language": "en",
                "language_probability": 1.0,
                "confidence": 0.9,
                "provider": "local",
                "model": "whisper-base",
                "processing_duration_ms": 1,
            },
            now=api.context.clock(),
        )


async def test_the_account_is_shown_as_published(api: Api, account: Account) -> None:
    body = await shown(api, account)
    assert list(body) == [
        *("id", "tenant_id", "name", "email", "status", "plan", "settings", "created_at", "updated_at"),
        *("uri", "usage"),
    ]
    assert body == {
        "id": str(account.id),
        "tenant_id": str(account.id),
        "name": "Test",
        "email": None,
        "status": "active",
        "plan": "enterprise",
        "settings": {},
        "created_at": "2026-03-14T12:00:00",
        "updated_at": "2026-03-14T12:00:00",
        "uri": "/v1/account",
        "usage": {"current_month": NOTHING, "previous_month": NOTHING},
    }
    assert list(body["usage"]["current_month"]) == list(NOTHING)


async def test_what_is_given_is_changed_and_the_rest_kept(
    api: Api, account: Account, clock: SettableClock
) -> None:
    clock.advance(timedelta(hours=1))
    assert (await put(api, account))["updated_at"] == "2026-03-14T12:00:00"
    settings = {"default_language": "de", "notifications_enabled": True, "seats": {"max": 3}}
    body = await put(api, account, name="Acme", email="ops@acme.example", settings=settings)
    assert (body["name"], body["email"], body["settings"]) == ("Acme", "ops@acme.example", settings)
    assert body["updated_at"] == "2026-03-14T13:00:00"
    merged = await put(api, account, settings={"seats": None, "default_language": "fr", "theme": "dark"})
    assert merged["settings"] == {"default_language": "fr", "notifications_enabled": True, "theme": "dark"}
    whole = await put(api, account, **{**merged, "plan": "pro", "status": "suspended", "id": "other"})
    assert whole == merged == await shown(api, account)
    assert (await put(api, account, email=""))["email"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", 1),
        ("name", "x" * 256),
        ("name", "a\x00"),
        ("email", "nobody"),
        ("email", "two words@example.com"),
        ("email", "a@b\x00"),
        ("email", f"{'x' * 251}@a.b"),
        ("email", 1),
        ("settings", []),
        ("settings", {"a": "\x00"}),
        ("settings", {"a": "x" * 16384}),
    ],
)
async def test_unusable_fields_are_named(api: Api, account: Account, field: str, value: object) -> None:
    answer = await api.http.put("/v1/account", headers=account.headers, json={field: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, 2003), error
    assert error["details"]["field"] == field


async def test_reading_and_changing_take_a_scope_each(api: Api, account: Account, database: Database) -> None:
    for scope, refused in (("account:read", "PUT"), ("account:write", "GET")):
        async with database.transaction() as session:
            await session.execute(text("UPDATE api_keys SET scopes = ARRAY[:scope]"), {"scope": scope})
        for method in ("GET", "PUT"):
            answer = await api.http.request(method, "/v1/account", headers=account.headers, json={})
            assert answer.status_code == (403 if method == refused else 200)


async def test_usage_counts_what_arrived_also_when_it_is_deleted(
    api: Api, account: Account, other_account: Account, clock: SettableClock
) -> None:
    size = CLIP.stat().st_size
    await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "announced.wav"})
    notes = [await upload(api, account) for _ in range(3)]
    await record(api, notes[0], duration_s=1.234)
    await record(api, notes[1], duration_s=60.0)
    await api.http.delete(f"/v1/voicenotes/{notes[1]}", headers=account.headers)
    expected = {
        "recordings_count": 3,
        "voicenotes_count": 3,
        "total_duration_seconds": 61.234,
        "storage_used_bytes": 3 * size,
    }
    usage = (await shown(api, account))["usage"]
    assert usage == {"current_month": expected, "previous_month": NOTHING}
    assert (await shown(api, other_account))["usage"]["current_month"] == NOTHING
    clock.now = datetime(2026, 4, 1, tzinfo=timezone.utc)
    assert (await shown(api, account))["usage"] == {"current_month": NOTHING, "previous_month": expected}
    await record(api, notes[2], duration_s=0.5)  # counts for the month the note is of
    usage = (await shown(api, account))["usage"]
    assert usage["current_month"] == NOTHING
    assert usage["previous_month"]["total_duration_seconds"] == 61.734
    clock.now = datetime(2026, 5, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert (await shown(api, account))["usage"] == {"current_month": NOTHING, "previous_month": NOTHING}


async def test_a_note_transcribed_again_is_not_counted_again(
    api: Api, account: Account, database: Database
) -> None:
    note_id = await upload(api, account)
    for _ in range(2):
        await record(api, note_id, duration_s=2.0)
        async with database.transaction() as session:
            await session.execute(text("UPDATE notes SET status = 'processing'"))
    assert (await shown(api, account))["usage"]["current_month"]["total_duration_seconds"] == 2.0


async def test_uploads_at_once_are_all_counted(api: Api, account: Account) -> None:
    await asyncio.gather(*(upload(api, account) for _ in range(6)))
    assert (await shown(api, account))["usage"]["current_month"]["voicenotes_count"] == 6


def test_notes_from_before_are_counted_by_the_migration(cluster: EmbeddedPostgres) -> None:
    cluster.ensure_database("before_usage")
    engine = create_engine(sqlalchemy_url(cluster.url("before_usage")), poolclass=NullPool)
    tenant_id = new_uuid()
    with engine.connect() as connection:
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO tenants (id, name, plan, created_at, updated_at)"
                " VALUES (:id, 'Old', 'free', now(), now())"
            ),
            {"id": tenant_id},
        )
        for at, status, size, duration in (
            ("2026-01-31T23:59:59Z", "transcribed", 100, 1.5),
            ("2026-02-01T00:00:00Z", "transcribed", 200, 2.0),
            ("2026-02-28T12:00:00Z", "failed", 300, None),
            ("2026-02-28T12:00:00Z", "created", None, None),
        ):
            note: dict[str, object] = {"id": new_uuid(), "tenant": tenant_id, "at": at, "status": status}
            connection.execute(
                text(
                    "INSERT INTO notes (id, tenant_id, status, original_filename, audio_key, upload_source,"
                    " file_size_bytes, duration_seconds, created_at, updated_at)"
                    " VALUES (:id, :tenant, :status, 'a', 'a', 'api', :size, :duration, :at, :at)"
                ),
                {**note, "size": size, "duration": duration},
            )
        connection.commit()
    migrate(cluster.url("before_usage"))
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT day, notes_count, size_bytes, duration_ms FROM daily_usage ORDER BY day")
        )
        assert [(str(row[0]), *row[1:]) for row in rows] == [
            ("2026-01-31", 1, 100, 1500),
            ("2026-02-01", 1, 200, 2000),
            ("2026-02-28", 1, 300, 0),
        ]
    engine.dispose()


async def test_usage_is_told_by_day_also_of_notes_that_are_gone(
    api: Api, account: Account, other_account: Account, clock: SettableClock
) -> None:
    clock.now = NOON - timedelta(days=2)
    async with api.context.database.transaction() as session:
        await count_note(session, account.id, created_at=clock.now, size_bytes=100)
        await count_duration(session, account.id, created_at=clock.now, duration_s=1.5, counted_s=None)
        await count_note(session, account.id, created_at=NOON, size_bytes=7)
        await count_note(session, other_account.id, created_at=NOON, size_bytes=1)
    clock.now = NOON
    answer = await api.http.get("/v1/account/usage?days=4", headers=account.headers)
    days = [list(day.values()) for day in answer.json()["days"]]
    assert days == [
        ["2026-03-11", 0, 0, 0.0, 0],
        ["2026-03-12", 1, 1, 1.5, 100],
        ["2026-03-13", 0, 0, 0.0, 0],
        ["2026-03-14", 1, 1, 0.0, 7],
    ]
    assert answer.json()["uri"] == "/v1/account/usage?days=4"
    whole = (await api.http.get("/v1/account/usage", headers=account.headers)).json()
    assert len(whole["days"]) == 30
    for bad in ("0", "367", "x"):
        refused = await api.http.get(f"/v1/account/usage?days={bad}", headers=account.headers)
        assert refused.status_code == 400
