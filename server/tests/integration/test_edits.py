"""v1's changes to a note: title and tags, deleting with a while to think again, restoring."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text
from support.app import NOON, Account, Api, SettableClock
from support.notes import make_note
from support.published import error_of

from vocafuse_server.core.ids import NoteId, new_uuid
from vocafuse_server.notes import deleting
from vocafuse_server.notes.models import Note, NoteStatus


async def add(api: Api, account: Account, **fields: Any) -> str:
    async with api.context.database.transaction() as session:
        return str(await make_note(session, account.id, created_at=NOON, **fields))


async def call(api: Api, account: Account, method: str, path: str, **sent: Any) -> httpx2.Response:
    return await api.http.request(method, f"/v1/voicenotes/{path}", headers=account.headers, **sent)


async def jobs(api: Api, task: str) -> list[dict[str, Any]]:
    async with api.context.database.transaction() as session:
        found = await session.scalars(
            text("SELECT args FROM procrastinate_jobs WHERE task_name = :task ORDER BY id"), {"task": task}
        )
        return list(found.all())


async def test_title_and_tags_can_be_changed(api: Api, account: Account, clock: SettableClock) -> None:
    note_id = await add(api, account, tags={"a": "1"})
    clock.advance(timedelta(minutes=1))
    changed = await call(api, account, "PATCH", note_id, json={"title": "Retro", "tags": ["x", "y"]})
    assert changed.status_code == 200
    shown = changed.json()
    assert (shown["title"], shown["tags"], shown["custom_tags"]) == ("Retro", ["x", "y"], {"a": "1"})
    assert shown["updated_at"] == "2026-03-14T12:01:00"
    assert (await call(api, account, "GET", note_id)).json() == shown
    renamed = await api.http.patch(
        f"/v1/recordings/{note_id}", headers=account.headers, json={"custom_tags": {}, "tags": []}
    )
    assert (renamed.json()["title"], renamed.json()["tags"]) == ("Retro", [])
    assert renamed.json()["custom_tags"] is None
    listed = await api.http.get("/v1/voicenotes?tag.a=1", headers=account.headers)
    assert listed.json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 2001),
        ({"title": None}, 2001),
        ({"title": ""}, 2003),
        ({"title": "a\x00"}, 2003),
        ({"tags": ["x"] * 51}, 2003),
        ({"custom_tags": {"a b": "1"}}, 2003),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    api: Api, account: Account, other_account: Account, body: dict[str, Any], code: int
) -> None:
    note_id = await add(api, account)
    refused = await call(api, account, "PATCH", note_id, json=body)
    assert error_of(refused.status_code, refused.content)["code"] == code
    for user, unknown in ((other_account, note_id), (account, str(new_uuid())), (account, "x")):
        answer = await call(api, user, "PATCH", unknown, json={"title": "Mine"})
        assert error_of(answer.status_code, answer.content)["code"] == 3001


async def purge(api: Api, clock: SettableClock, job: dict[str, Any]) -> None:
    """Run the job."""
    async with api.context.database.transaction() as session:
        await deleting.purge_note(
            session,
            api.context.queue,
            NoteId(job["note_id"]),
            deleted_at=clock.now.fromisoformat(job["deleted_at"]),
            now=clock(),
        )


async def test_a_deleted_note_can_be_brought_back_for_a_while_and_is_then_gone_for_good(
    api: Api, account: Account, other_account: Account, clock: SettableClock
) -> None:
    note_id = await add(api, account, text="words")
    for _ in range(2):
        clock.advance(timedelta(seconds=1))
        assert (await call(api, account, "DELETE", f"{note_id}?undo_seconds=30")).status_code == 204
        for method, path in (("GET", note_id), ("DELETE", note_id), ("GET", f"{note_id}/transcription")):
            assert (await call(api, account, method, path)).status_code == 404
        assert (await call(api, other_account, "POST", f"{note_id}/restore")).status_code == 404
        back = await call(api, account, "POST", f"{note_id}/restore")
        assert (back.status_code, back.json()["id"]) == (200, note_id)
        assert (await call(api, account, "POST", f"{note_id}/restore")).json() == back.json()
        assert (await call(api, account, "GET", f"{note_id}/transcription")).json()["text"] == "words"
    clock.advance(timedelta(seconds=1))
    await call(api, account, "DELETE", f"{note_id}?undo_seconds=30")
    first, second, third = await jobs(api, "purge_note")
    for undone in (first, second):
        await purge(api, clock, undone)
    assert await jobs(api, "delete_audio") == []
    await purge(api, clock, third)
    assert len(await jobs(api, "delete_audio")) == 1
    assert (await call(api, account, "POST", f"{note_id}/restore")).status_code == 404
    async with api.context.database.transaction() as session:
        assert (await session.scalars(select(Note))).all() == []
    for bad in ("-1", "86401", "soon"):
        assert (await call(api, account, "DELETE", f"{note_id}?undo_seconds={bad}")).status_code == 400


async def test_a_note_that_was_being_transcribed_is_transcribed_once_it_is_back(
    api: Api, account: Account
) -> None:
    note_id = await add(api, account, status=NoteStatus.PROCESSING)
    await call(api, account, "DELETE", f"{note_id}?undo_seconds=30")
    back = await call(api, account, "POST", f"{note_id}/restore")
    assert back.json()["status"] == "processing"
    assert await jobs(api, "fetch_note") == []
    [job] = await jobs(api, "transcribe_note")
    assert (job["note_id"], job["run"]) == (note_id, 2)
