"""Event streams: what happens to notes, over real HTTP, from the moment it is committed."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import text, update
from support.app import Account, SettableClock
from support.events import Stream, Told, following
from support.notes import make_note
from support.published import error_of
from support.waiting import wait_until
from support.wire import served

from vocafuse_server.app import create_app
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database, libpq_url
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.settings import Settings
from vocafuse_server.notes import runs, step_queries
from vocafuse_server.notes.deleting import delete_note
from vocafuse_server.notes.feed import NoteFeed
from vocafuse_server.notes.feed_queries import delete_old_events
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus

KEYS = "/v1/account/api-keys"
LISTENERS = "query LIKE 'LISTEN%' AND datname = current_database()"


@pytest.fixture
def clock() -> SettableClock:
    """Begins today, since tokens are checked against the real time."""
    return SettableClock(utc_now())


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"event_streams_per_tenant": 3, "event_heartbeat_seconds": 0.3})


@pytest.fixture
def app(settings: Settings, database_url: str, clock: SettableClock) -> FastAPI:
    return create_app(settings, database_url, clock=clock)


@pytest.fixture
async def port(app: FastAPI, settings: Settings) -> AsyncIterator[int]:
    async with served(app, settings) as port:
        yield port


async def add(database: Database, account: Account, *, identity: str | None = None) -> NoteId:
    """A note in processing."""
    async with database.transaction() as session:
        return await make_note(
            session,
            account.id,
            created_at=utc_now(),
            status=NoteStatus.PROCESSING,
            identity=identity,
            source_url="https://example.com/a.wav",
        )


async def retitle(database: Database, note_id: NoteId, title: str) -> None:
    async with database.transaction() as session:
        await session.execute(update(Note).where(Note.id == note_id).values(title=title))


async def ready(stream: Stream) -> Told:
    assert stream.answer.status_code == 200
    assert stream.answer.headers["content-type"].startswith("text/event-stream")
    told = await stream.next()
    assert told.type == "ready"
    return told


async def call(
    port: int, method: str, path: str, headers: Mapping[str, str], **sent: object
) -> httpx2.Response:
    """An ordinary call; one that is answered with a stream fails."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http, asyncio.timeout(20):
        return await http.request(method, path, headers=dict(headers), **sent)  # pyright: ignore[reportArgumentType]


async def test_each_step_of_a_notes_life_is_told_with_the_note(
    port: int, database: Database, account: Account
) -> None:
    queue, owner = JobQueue(), Owner(account.id, None)
    async with following(port, account.headers) as stream:
        assert (await ready(stream)).data == {"type": "ready", "resumed": False, "voicenote": None}
        note_id = await add(database, account)
        first = await stream.next()
        assert first.type == first.data["type"] == "voicenote.created"
        assert (first.note, first.data["voicenote"]["status"]) == (str(note_id), "processing")
        listed = await call(port, "GET", f"/v1/voicenotes/{note_id}", account.headers)
        assert first.data["voicenote"].items() <= listed.json().items()
        async with database.transaction() as session:
            await runs.record_failure(
                session, queue, note_id, run=1, code="UNSUPPORTED_AUDIO", message="no audio", now=utc_now()
            )
        failed = await stream.next()
        assert (failed.type, failed.data["voicenote"]["failure"]["message"]) == (
            "voicenote.failed",
            "no audio",
        )
        async with database.transaction() as session:
            await step_queries.begin_run(session, owner, note_id, language="de", now=utc_now())
        assert (await stream.next()).type == "voicenote.processing"
        async with database.transaction() as session:
            await step_queries.mark_transcribed(session, note_id, run=2, audio={}, now=utc_now())
        assert (await stream.next()).type == "voicenote.transcribed"
        await retitle(database, note_id, "Retro <1>\n")
        updated = await stream.next()
        assert (updated.type, updated.data["voicenote"]["title"]) == ("voicenote.updated", "Retro <1>\n")
        async with database.transaction() as session:
            await delete_note(session, queue, owner, note_id, now=utc_now())
        deleted = await stream.next()
        assert (deleted.type, deleted.note) == ("voicenote.deleted", str(note_id))
        assert deleted.data["voicenote"] is None


async def test_a_note_without_its_audio_and_what_is_undone_are_not_told(
    port: int, database: Database, account: Account
) -> None:
    async with following(port, account.headers) as stream:
        await ready(stream)
        asked = await call(port, "POST", "/v1/upload", account.headers, json={"file_name": "a.wav"})
        assert asked.status_code == 201
        async with database.transaction() as session:
            await make_note(session, account.id, created_at=utc_now())
            await session.rollback()
        note_id = await add(database, account)
        assert (await stream.next()).note == str(note_id)


async def test_nobody_is_told_of_notes_of_others(
    port: int, database: Database, account: Account, other_account: Account
) -> None:
    asked = await call(port, "POST", "/v1/token", account.headers, json={"user_id": "ann"})
    ann = {"Authorization": f"Bearer {asked.json()['token']}"}
    async with (
        following(port, account.headers) as tenant,
        following(port, other_account.headers) as other,
        following(port, ann) as user,
    ):
        for stream in (tenant, other, user):
            await ready(stream)
        notes = [
            await add(database, whose, identity=who)
            for whose, who in [
                (other_account, "ann"),
                (account, None),
                (account, "bob"),
                (account, "ann"),
                (other_account, None),
            ]
        ]
        told = [
            [(await stream.next()).note for _ in range(n)]
            for stream, n in ((tenant, 3), (other, 2), (user, 1))
        ]
        assert told == [[str(notes[at]) for at in ats] for ats in ([1, 2, 3], [0, 4], [3])]


async def test_who_may_not_read_notes_follows_nothing(port: int, account: Account) -> None:
    for headers, status, code in [({}, 401, 1003), ({"Authorization": "Bearer x"}, 401, 1001)]:
        refused = await call(port, "GET", "/v1/events", headers)
        assert error_of(refused.status_code, refused.content)["code"] == code
        assert refused.status_code == status
    made = await call(port, "POST", KEYS, account.headers, json={"scopes": ["account:read"]})
    pair = made.json()
    weak = {"X-VocaFuse-API-Key": pair["api_key"], "X-VocaFuse-API-Secret": pair["api_secret"]}
    assert (await call(port, "GET", "/v1/events", weak)).status_code == 403


async def test_a_reader_that_comes_back_gets_exactly_what_it_missed(
    port: int, database: Database, account: Account
) -> None:
    note_id = await add(database, account)
    async with following(port, account.headers) as stream:
        begun = await ready(stream)
        assert begun.id is not None
        await retitle(database, note_id, "one")
        seen = await stream.next()
    for title in ("two", "three"):
        await retitle(database, note_id, title)
    for after, missed in ((begun.id, 3), (seen.id, 4)):
        async with following(port, account.headers, after=after) as stream:
            again = await ready(stream)
            assert (again.id, again.data["resumed"]) == (after, True)
            caught_up = [await stream.next() for _ in range(missed)]
            assert {told.data["voicenote"]["title"] for told in caught_up} == {"three"}  # As it is now.
            await retitle(database, note_id, "four")
            assert (await stream.next()).data["voicenote"]["title"] == "four"
            await retitle(database, note_id, "three")


async def test_who_was_away_for_too_long_is_told_so(port: int, database: Database, account: Account) -> None:
    note_id = await add(database, account)
    async with following(port, account.headers) as stream:
        begun = await ready(stream)
    future = str(int(begun.id or 0) + 10**12)
    async with following(port, account.headers, after=future) as stream:  # Of another server.
        assert not (await ready(stream)).data["resumed"]
    await retitle(database, note_id, "new")
    async with database.transaction() as session:
        await session.execute(text("UPDATE note_events SET number = number - 86400 * 1000000::bigint"))
    async with following(port, account.headers, after=begun.id or "") as stream:
        again = await ready(stream)
        assert (again.id, again.data["resumed"]) == (None, False)
    async with database.transaction() as session:
        assert await delete_old_events(session) == 2
        assert await delete_old_events(session) == 0
    for garbage in ("-1", "x", "9" * 30):
        refused = await call(port, "GET", "/v1/events", {**account.headers, "Last-Event-ID": garbage})
        assert error_of(refused.status_code, refused.content)["code"] == 2003
        assert refused.status_code == 400


async def test_one_note_can_be_followed(
    port: int, database: Database, account: Account, other_account: Account
) -> None:
    note_id, theirs = await add(database, account), await add(database, other_account)
    for unknown in (str(theirs), "nonsense"):
        refused = await call(port, "GET", "/v1/events", account.headers, params={"voicenote_id": unknown})
        assert error_of(refused.status_code, refused.content)["name"] == "VOICENOTE_NOT_FOUND"
    async with following(port, account.headers, voicenote_id=str(note_id)) as stream:
        assert (await ready(stream)).data["voicenote"]["status"] == "processing"
        await retitle(database, await add(database, account), "another")
        async with database.transaction() as session:
            await step_queries.mark_transcribed(session, note_id, run=1, audio={}, now=utc_now())
        done = await stream.next()
        assert (done.type, done.data["voicenote"]["status"]) == ("voicenote.transcribed", "transcribed")


async def test_nothing_is_missed_or_told_twice_while_many_write_and_readers_come_and_go(
    port: int, database: Database, account: Account
) -> None:
    async with following(port, account.headers) as stream:
        await ready(stream)
        added = {str(await add(database, account))}
        after = (await stream.next()).id
    writing = asyncio.gather(*(add(database, account) for _ in range(60)))
    told: list[Told] = []
    while len(told) < 60:
        async with following(port, account.headers, after=after) as stream:
            assert (await ready(stream)).data["resumed"]
            told += [await stream.next() for _ in range(min(7, 60 - len(told)))]
            after = told[-1].id
    added = {str(note_id) for note_id in await writing}
    assert len({one.note for one in told}) == 60
    assert {one.note for one in told} == added
    numbers = [int(one.id or 0) for one in told]
    assert numbers == sorted(set(numbers))


async def test_all_processes_tell_and_one_connection_of_each_listens(
    port: int,
    settings: Settings,
    database_url: str,
    clock: SettableClock,
    database: Database,
    account: Account,
) -> None:
    async with (
        served(create_app(settings, database_url, clock=clock), settings) as second,
        following(port, account.headers) as here,
        following(port, account.headers) as here_too,
        following(second, account.headers) as there,
    ):
        streams = (here, here_too, there)
        for stream in streams:
            await ready(stream)
        first = await add(database, account)
        assert {(await stream.next()).note for stream in streams} == {str(first)}
        async with database.transaction() as session:
            killed = await session.execute(
                text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {LISTENERS}")
            )
            assert len(killed.all()) == 2
        again = await add(database, account)
        assert {(await stream.next()).note for stream in streams} == {str(again)}


async def test_notifications_that_are_none_of_ours_are_passed_over(
    database: Database, database_url: str, account: Account
) -> None:
    feed = NoteFeed(database, libpq_url(database_url), readers_per_tenant=1)
    reader = feed.open(Owner(account.id, None), None)
    await feed.begin(reader, after=None)
    assert await reader.wait(at_most_s=20)  # From now on it listens.
    await feed.read(reader)
    async with database.transaction() as session:
        for stray in ("nonsense", "[1, 2, 3]", "7"):
            await session.execute(text("SELECT pg_notify('note_events', :stray)"), {"stray": stray})
    note_id = await add(database, account)
    assert await reader.wait(at_most_s=20)
    assert [event.note_id for event, _ in (await feed.read(reader)).events] == [note_id]
    feed.close(reader)
    await feed.shut()


async def test_a_quiet_stream_shows_that_it_is_alive_and_ends_with_its_key(
    port: int, database: Database, account: Account
) -> None:
    made = (await call(port, "POST", KEYS, account.headers, json={"scopes": ["voicenotes:read"]})).json()
    pair = {"X-VocaFuse-API-Key": made["api_key"], "X-VocaFuse-API-Secret": made["api_secret"]}
    async with following(port, pair) as stream:
        await ready(stream)
        await add(database, account)
        await stream.next()
        revoked = await call(port, "DELETE", f"{KEYS}/{made['id']}", account.headers)
        assert revoked.status_code == 204
        await add(database, account)
        assert await stream.read() is None
    async with following(port, account.headers) as stream:
        await ready(stream)
        waiting = asyncio.create_task(stream.next())
        while stream.heartbeats < 2:
            assert not (await asyncio.wait([waiting], timeout=0.1))[0]
        await add(database, account)
        assert (await waiting).type == "voicenote.created"


async def test_a_tenant_keeps_only_so_many_streams_open(
    port: int, app: FastAPI, account: Account, other_account: Account
) -> None:
    async with AsyncExitStack() as stack:
        tenants = (account, account, account, other_account)
        streams = [await stack.enter_async_context(following(port, one.headers)) for one in tenants]
        for stream in streams:
            await ready(stream)
        refused = await call(port, "GET", "/v1/events", account.headers)
        error = error_of(refused.status_code, refused.content)
        assert (refused.status_code, error["name"]) == (429, "RATE_LIMIT_EXCEEDED")
        assert refused.headers["retry-after"] == "30"
    await until_count(app, account, 0)
    async with following(port, account.headers) as stream:
        await ready(stream)


async def until_count(app: FastAPI, account: Account, wanted: int) -> None:
    """Wait until the tenant has so many streams open."""
    counts = app.state.context.feed.count
    await asyncio.to_thread(wait_until, lambda: counts(account.id) == wanted, within_s=20)


async def test_who_reads_nothing_is_cut_off(
    port: int, app: FastAPI, database: Database, account: Account
) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        head = "".join(f"{name}: {value}\r\n" for name, value in account.headers.items())
        client.sendall(f"GET /v1/events HTTP/1.1\r\nHost: a\r\n{head}\r\n".encode())
        await until_count(app, account, 1)
        async with database.transaction() as session:
            await session.execute(_MANY_NOTES, {"tenant": account.id})
        await until_count(app, account, 0)
        client.settimeout(10)
        while client.recv(65536):  # What was on its way already, and then the end.
            pass


_MANY_NOTES = text(
    """
    INSERT INTO notes (id, tenant_id, status, original_filename, audio_key, upload_source, created_at,
      updated_at)
    SELECT gen_random_uuid(), :tenant, 'transcribed', 'a.wav', 'a', 'api', now(), now()
    FROM generate_series(1, 8000)
    """
)


async def test_a_server_that_stops_ends_its_streams_first(
    settings: Settings, database_url: str, clock: SettableClock, database: Database, account: Account
) -> None:
    app = create_app(settings, database_url, clock=clock)
    async with AsyncExitStack() as stack:
        async with served(app, settings) as port:
            stream = await stack.enter_async_context(following(port, account.headers))
            await ready(stream)
            stopped_at = time.monotonic()
        assert time.monotonic() - stopped_at < 5
        assert await stream.read() is None
