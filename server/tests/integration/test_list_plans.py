"""How Postgres reads long lists: by indexes alone, and only about as many entries as a page or a day has."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from support.app import Account

from vocafuse_server.core.database import libpq_url, sqlalchemy_url
from vocafuse_server.core.ids import WorkspaceId
from vocafuse_server.core.pages import PageRequest
from vocafuse_server.notes.count_queries import fold_note_counts
from vocafuse_server.notes.filters import NoteFilter, Owner, TimeRange
from vocafuse_server.notes.list_queries import list_notes
from vocafuse_server.notes.models import NoteStatus

NOTES = 20_000
DAYS = 100
END = datetime(2026, 1, 1, tzinfo=timezone.utc)
FILL = """
INSERT INTO notes (id, tenant_id, identity, status, original_filename, audio_key, upload_source, custom_tags,
    tags, workspace_id, created_at, updated_at)
SELECT gen_random_uuid(), %(tenant)s, 'user_' || i %% 20,
    CASE i %% 50 WHEN 7 THEN 'failed' ELSE 'transcribed' END,
    'a.webm', i::text, 'api', jsonb_build_object('project', 'p' || i %% 10),
    CASE i %% 500 WHEN 0 THEN '{rare}'::text[] ELSE '{}' END,
    CASE i %% 100 WHEN 0 THEN %(workspace)s END, at, at
FROM (
  SELECT i, %(end)s::timestamptz - i * (%(days)s * interval '1 day' / %(notes)s) AS at
  FROM generate_series(1, %(notes)s::int) AS i
) AS numbers
"""
WORKSPACE = WorkspaceId(UUID(int=7))
LONG_AGO = TimeRange(END - timedelta(days=80), END - timedelta(days=70))
ODD_TIMES = TimeRange(END - timedelta(days=80.3), END - timedelta(days=70.3))


@pytest.fixture
async def engine(database_url: str, account: Account) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(database_url))
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        values = {
            "tenant": account.id,
            "workspace": WORKSPACE,
            "end": END,
            "days": DAYS,
            "notes": NOTES,
        }
        connection.execute(FILL, values)
        async with AsyncSession(engine) as session, session.begin():
            await fold_note_counts(session)
        connection.execute("VACUUM ANALYZE notes, note_tags, note_counts, note_count_changes")
    yield engine
    await engine.dispose()


async def test_no_page_is_found_by_reading_the_notes_before_it(
    engine: AsyncEngine, database_url: str, account: Account
) -> None:
    tag = {"project": "p3"}
    for identity, wanted, total in [
        (None, NoteFilter(), NOTES),
        (None, NoteFilter(NoteStatus.TRANSCRIBED), NOTES * 49 // 50),
        (None, NoteFilter(NoteStatus.FAILED), NOTES // 50),
        (None, NoteFilter(created=LONG_AGO), NOTES // 10),
        (None, NoteFilter(created=ODD_TIMES), NOTES // 10),
        ("user_3", NoteFilter(), NOTES // 20),
        (None, NoteFilter(tags=tag), NOTES // 10),
        (None, NoteFilter(NoteStatus.TRANSCRIBED, LONG_AGO, tag), NOTES // 100),
        (None, NoteFilter(waiting=True), NOTES),
        ("user_3", NoteFilter(waiting=True), NOTES // 20),
        (None, NoteFilter(plain_tags=["rare"], waiting=True), NOTES // 500),
        (None, NoteFilter(workspace_id=WORKSPACE, waiting=True), NOTES // 100),
    ]:
        for number in {0, total // 2 // 50, (total - 1) // 50}:
            page = PageRequest(number, 50)
            plans = await plans_of(engine, database_url, Owner(account.id, identity), wanted, page, total)
            for node in plans:
                relation = node.get("Relation Name")
                assert not (node["Node Type"] == "Seq Scan" and relation in {"notes", "note_tags"}), node
                # A day has 200 notes; what is read of the whole list is its counts, a few a day.
                most = 3 * DAYS if relation == "note_counts" else 2 * NOTES // DAYS
                assert node["Actual Rows"] * node["Actual Loops"] <= most, (wanted, page, node)


async def plans_of(
    engine: AsyncEngine, url: str, owner: Owner, wanted: NoteFilter, page: PageRequest, total: int
) -> list[dict[str, Any]]:
    """The nodes that read a table, of the plans of all statements that list this page."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        sent.append((sql, values))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with AsyncSession(engine) as session, session.begin():
        found = await list_notes(session, owner, wanted, page)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    assert found.total == total
    assert len(found.items) == min(50, total - page.offset)
    nodes: list[dict[str, Any]] = []
    with psycopg.connect(libpq_url(url)) as connection:
        for sql, values in sent:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}".encode()
            for [[told]] in connection.execute(explain, values):
                nodes += _scans(told["Plan"])
    return nodes


def _scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [scan for part in plan.get("Plans", []) for scan in _scans(part)]
    return [plan, *inner] if "Relation Name" in plan else inner
