"""Tenants take turns on the queue, however much each of them has put there."""

import asyncio
from collections.abc import Iterator
from typing import Any

from sqlalchemy import text
from support.app import NOON, Account, make_account
from support.notes import make_note

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.core.queue_queries import NEXT_TURN
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.notes.runs import enqueue_run

WAITING = 10_000


async def put(database: Database, tenant_id: TenantId, *, url: str | None = None) -> NoteId:
    """A note of the tenant that waits for its transcription."""
    async with database.transaction() as session:
        note_id = await make_note(
            session, tenant_id, created_at=NOON, status=NoteStatus.PROCESSING, source_url=url
        )
        await enqueue_run(session, JobQueue(), await session.get_one(Note, note_id))
    return note_id


async def fetch(database: Database, queue: Queue = Queue.TRANSCRIPTION) -> str | None:
    """The note of the job that a worker gets next."""
    async with database.transaction() as session:
        return await session.scalar(
            text("SELECT args ->> 'note_id' FROM procrastinate_fetch_job_v2(ARRAY[:queue], NULL)"),
            {"queue": queue.value},
        )


async def fill(database: Database, account: Account) -> None:
    """Jobs of one tenant, as so many calls of `enqueue_run` leave them."""
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)"
                " SELECT 'transcription', 'transcribe_note', 1 - i, jsonb_build_object('run', 1,"
                " 'note_id', gen_random_uuid(), 'tenant_id', CAST(:tenant AS text))"
                " FROM generate_series(1, :waiting) AS i"
            ),
            {"tenant": str(account.id), "waiting": WAITING},
        )
        await session.execute(text("ANALYZE procrastinate_jobs"))


async def priority_of(database: Database, note_id: NoteId) -> int:
    async with database.transaction() as session:
        found = await session.scalar(
            text("SELECT priority FROM procrastinate_jobs WHERE args ->> 'note_id' = :id"),
            {"id": str(note_id)},
        )
        assert isinstance(found, int)
        return found


async def test_a_single_note_is_next_although_another_tenant_has_ten_thousand(
    database: Database, account: Account, other_account: Account
) -> None:
    await fill(database, account)
    assert await priority_of(database, await put(database, account.id)) == -WAITING
    single = str(await put(database, other_account.id))
    assert single in [await fetch(database) for _ in range(2)]


async def test_in_the_middle_of_a_long_queue_two_tenants_get_every_second_place(
    database: Database, account: Account, other_account: Account
) -> None:
    await fill(database, account)
    for _ in range(100):
        await fetch(database)
    others = {str(await put(database, other_account.id)) for _ in range(10)}
    places = [place for place in range(20) if await fetch(database) in others]
    assert len(places) == 10
    assert all(place // 2 == turn for turn, place in enumerate(places))


async def test_who_comes_often_does_not_shut_out_who_has_waited_long(
    database: Database, account: Account, other_account: Account
) -> None:
    waiting = {str(await put(database, account.id)) for _ in range(5)}
    served = 0
    for _ in range(12):  # there is always something newer of the other tenant's
        await put(database, other_account.id)
        served += await fetch(database) in waiting
    assert served == 5


async def test_fetching_has_turns_of_its_own(
    database: Database, account: Account, other_account: Account
) -> None:
    for _ in range(3):
        await put(database, account.id, url="https://example.com/a.wav")
    single = str(await put(database, other_account.id, url="https://example.com/b.wav"))
    assert single in [await fetch(database, Queue.FETCHING) for _ in range(2)]


async def test_what_somebody_waits_for_is_not_behind_the_tenants_own_notes(
    database: Database, account: Account
) -> None:
    await fill(database, account)
    for _ in range(2):
        async with database.transaction() as session:
            await JobQueue().enqueue(
                session,
                Task.TRANSCRIBE_DICTATION,
                queue=Queue.TRANSCRIPTION,
                share_of=account.id,
                apart=True,
                dictation_id="any",
            )
    fetched = [await fetch(database) for _ in range(4)]
    assert [note_id is None for note_id in fetched] == [False, True, False, True]


async def test_jobs_that_are_nobodys_share_come_in_their_order(database: Database) -> None:
    queue = JobQueue()
    for key in ("first", "second"):
        async with database.transaction() as session:
            await queue.enqueue(session, Task.DELETE_AUDIO, queue=Queue.MAINTENANCE, key=key)
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT sum(priority) FROM procrastinate_jobs")) == 0


async def test_ten_tenants_at_once_need_no_waiting_for_each_other(database: Database) -> None:
    accounts = [await make_account(database) for _ in range(10)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(put(database, account.id) for account in accounts for _ in range(5)))
    async with database.transaction() as session:
        deepest = await session.scalar(text("SELECT min(priority) FROM procrastinate_jobs"))
    assert deepest is not None
    assert -5 < deepest <= 0


async def test_turns_are_found_by_indexes_whatever_other_queues_hold(
    database: Database, account: Account
) -> None:
    await fill(database, account)
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO procrastinate_jobs (queue_name, task_name)"
                " SELECT 'webhooks', 'deliver_webhook' FROM generate_series(1, :waiting)"
            ),
            {"waiting": WAITING},
        )
        await session.execute(text("ANALYZE procrastinate_jobs"))
        [[found]] = await session.execute(
            text(f"EXPLAIN (ANALYZE, FORMAT JSON) {NEXT_TURN}"),
            {"queue": "transcription", "share": str(account.id)},
        )
    read = [node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans(found[0]["Plan"])]
    assert read == [1, 1]


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a plan that read rows."""
    if "Relation Name" in node:
        yield node
    for part in node.get("Plans", []):
        yield from scans(part)
