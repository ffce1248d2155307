"""Deleted notes stay for as long as the settings say, and then nothing of them does."""

from datetime import timedelta

from sqlalchemy import text
from support.app import Account, Api, SettableClock
from support.voice_notes import Lvng

from vocafuse_server.core.database import Database
from vocafuse_server.jobs.maintenance import MaintenanceContext, run_deletion
from vocafuse_server.notes.deleting import PURGED_AT_ONCE

MONTH = timedelta(days=30)


def maintenance(api: Api, kept: timedelta | None) -> MaintenanceContext:
    return MaintenanceContext(api.context.database, MONTH, api.context.clock, deleted_notes_kept=kept)


async def count(database: Database, table: str) -> int:
    async with database.transaction() as session:
        found = await session.scalar(text(f"SELECT count(*) FROM {table}"))
        assert isinstance(found, int)
        return found


async def keys_to_delete(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(
            await session.scalars(
                text("SELECT args ->> 'key' FROM procrastinate_jobs WHERE task_name = 'delete_audio'")
            )
        )


async def test_a_deleted_note_is_purged_when_its_time_has_passed(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    own = Lvng(api, account.headers)
    hook = {"url": "http://93.184.216.34/hook", "events": ["voicenote.deleted"]}
    assert (await api.http.post("/v1/webhooks", headers=own.headers, json=hook)).status_code == 201
    deleted = await own.create(audioUrl=await own.upload())
    kept = await own.create()
    await own.ask("DELETE", f"/{deleted['id']}")
    async with database.transaction() as session:
        await session.execute(text("UPDATE webhook_deliveries SET status = 'delivered'"))
        audio_key = await session.scalar(text("SELECT audio_key FROM notes WHERE deleted_at IS NOT NULL"))

    clock.advance(MONTH - timedelta(seconds=1))
    await run_deletion(maintenance(api, MONTH))
    assert (await count(database, "notes"), await count(database, "webhook_deliveries")) == (3, 1)
    clock.advance(timedelta(seconds=1))
    await run_deletion(maintenance(api, None))
    assert await count(database, "notes") == 3
    await run_deletion(maintenance(api, MONTH))
    assert (await count(database, "notes"), await count(database, "webhook_deliveries")) == (2, 0)
    assert await keys_to_delete(database) == [audio_key]
    assert (await own.page(status="created"))["voiceNotes"] == [kept]
    assert (await own.page())["total"] == 2


async def test_many_deleted_notes_are_purged_in_one_go(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO notes (id, tenant_id, status, original_filename, audio_key, upload_source,"
                " created_at, updated_at, deleted_at)"
                " SELECT gen_random_uuid(), :tenant, 'transcribed', 'a.wav', i::text, 'api', :now, :now, :now"
                " FROM generate_series(1, :notes) AS i"
            ),
            {"tenant": account.id, "now": clock.now, "notes": 2 * PURGED_AT_ONCE},
        )
    clock.advance(MONTH)
    await run_deletion(maintenance(api, MONTH))
    assert await count(database, "notes") == 0
    assert len(set(await keys_to_delete(database))) == 2 * PURGED_AT_ONCE
