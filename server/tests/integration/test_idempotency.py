"""Creating calls that come more than once, one after the other and at the same moment."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.app import Account, Api, SettableClock, running_app
from support.clips import AUDIO
from support.locks import process_waiting_in

from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.keys import GivenKeys
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.core.settings import Settings
from vocafuse_server.idempotency.errors import StillInProgress
from vocafuse_server.idempotency.service import Answer, KeyedRequest, do_once
from vocafuse_server.jobs.maintenance import MaintenanceContext, run_deletion

BOX = SecretBox(GivenKeys([b"k" * 48]))
CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
OTHER_CLIP = (AUDIO / "harvard-birch-canoe.wav").read_bytes()
HOOK = {"url": "https://93.184.215.14/hook", "events": ["voicenote.created"]}


@pytest.fixture
def clock() -> SettableClock:
    """Begins today, since tokens are checked against the real time."""
    return SettableClock(utc_now())


async def announce(
    api: Api, headers: dict[str, str], key: str | None, *, file_name: str = "note.wav"
) -> httpx2.Response:
    """A call of `POST /v1/upload`."""
    keyed = headers if key is None else {**headers, "Idempotency-Key": key}
    return await api.http.post("/v1/upload", headers=keyed, json={"file_name": file_name})


async def send(
    api: Api, headers: dict[str, str], key: str, *, clip: bytes = CLIP, file_name: str = "note.wav"
) -> httpx2.Response:
    """A call of `POST /v1/voicenotes`; the client chooses a new boundary each time."""
    keyed = {**headers, "Idempotency-Key": key}
    return await api.http.post(
        "/v1/voicenotes", headers=keyed, files={"file": (file_name, clip)}, data={"language": "en"}
    )


async def token_headers(api: Api, account: Account, user_id: str) -> dict[str, str]:
    answer = await api.http.post("/v1/token", headers=account.headers, json={"user_id": user_id})
    return {"Authorization": f"Bearer {answer.json()['token']}"}


async def count(database: Database, table: str) -> int:
    async with database.transaction() as session:
        found = await session.scalar(text(f"SELECT count(*) FROM {table}"))
    assert isinstance(found, int)
    return found


def assert_is_replay(again: httpx2.Response, first: httpx2.Response) -> None:
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (first.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (None, "true")
    assert again.headers["Content-Type"] == first.headers["Content-Type"]


def assert_is_conflict(answer: httpx2.Response) -> None:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (409, 3009, "ConflictError")


async def test_a_repeated_announcement_makes_one_note(api: Api, account: Account, database: Database) -> None:
    first = await announce(api, account.headers, "a")
    again = await announce(api, account.headers, "a")
    assert_is_replay(again, first)
    assert await count(database, "notes") == 1
    other = await announce(api, account.headers, "b")
    assert other.json()["voicenote_id"] != first.json()["voicenote_id"]


async def test_a_repeated_upload_makes_one_note_with_one_job_and_one_object(
    api: Api, account: Account, database: Database
) -> None:
    first = await send(api, account.headers, "a")
    again = await send(api, account.headers, "a")
    assert first.status_code == 201
    assert first.request.headers["Content-Type"] != again.request.headers["Content-Type"]
    assert_is_replay(again, first)
    assert (await count(database, "notes"), await count(database, "procrastinate_jobs")) == (1, 1)
    stored = [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [f"{first.json()['id']}.wav"]


async def test_a_repeated_webhook_gets_its_secret_again(
    api: Api, account: Account, database: Database
) -> None:
    headers = {**account.headers, "Idempotency-Key": "a"}
    first, again = [await api.http.post("/v1/webhooks", headers=headers, json=HOOK) for _ in range(2)]
    assert_is_replay(again, first)
    assert again.json()["secret"].startswith("whsec_")
    assert await count(database, "webhooks") == 1


async def test_a_key_is_good_for_one_request_only(api: Api, account: Account, database: Database) -> None:
    assert (await send(api, account.headers, "a")).status_code == 201
    for answer in (
        await send(api, account.headers, "a", clip=OTHER_CLIP),
        await send(api, account.headers, "a", clip=CLIP + b"\x00"),
        await send(api, account.headers, "a", file_name="other.wav"),
        await announce(api, account.headers, "a"),
        await api.http.post(
            "/v1/recordings",
            headers={**account.headers, "Idempotency-Key": "a"},
            files={"file": ("note.wav", CLIP)},
            data={"language": "en"},
        ),
    ):
        assert_is_conflict(answer)
    assert await count(database, "notes") == 1
    assert (await announce(api, account.headers, "b")).status_code == 201
    assert_is_conflict(await announce(api, account.headers, "b", file_name="other.wav"))


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_1_to_255_characters(
    api: Api, account: Account, database: Database, key: str
) -> None:
    for answer in (await announce(api, account.headers, key), await send(api, account.headers, key)):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, 2003)
        assert error["details"]["field"] == "Idempotency-Key"
    assert await count(database, "notes") == 0
    assert (await announce(api, account.headers, "x" * 255)).status_code == 201


async def test_a_key_belongs_to_who_sent_it(
    api: Api, account: Account, other_account: Account, database: Database
) -> None:
    senders = [
        account.headers,
        other_account.headers,
        await token_headers(api, account, "ann"),
        await token_headers(api, account, "bob"),
        await token_headers(api, other_account, "ann"),
    ]
    answers = [await announce(api, headers, "same") for headers in senders]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["voicenote_id"] for answer in answers}) == 5
    for headers, first in zip(senders, answers, strict=True):
        assert_is_replay(await announce(api, headers, "same"), first)


async def test_a_key_is_kept_for_24_hours(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    first = await announce(api, account.headers, "a")
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert_is_replay(await announce(api, account.headers, "a"), first)
    await run_deletion(MaintenanceContext(database, timedelta(days=30), clock))
    assert await count(database, "idempotency_keys") == 1
    clock.advance(timedelta(seconds=1))
    fresh = await announce(api, account.headers, "a", file_name="another.wav")
    assert fresh.status_code == 201
    assert fresh.json()["voicenote_id"] != first.json()["voicenote_id"]
    assert_is_replay(await announce(api, account.headers, "a", file_name="another.wav"), fresh)
    clock.advance(timedelta(hours=24))
    await run_deletion(MaintenanceContext(database, timedelta(days=30), clock))
    assert await count(database, "idempotency_keys") == 0


async def test_a_refused_request_does_not_use_its_key_up(api: Api, account: Account) -> None:
    headers = {**account.headers, "Idempotency-Key": "a"}
    refused = await api.http.post("/v1/upload", headers=headers, json={"file_name": 5})
    assert refused.status_code == 400
    assert (await send(api, account.headers, "a", clip=b"<html>")).json()["error"]["code"] == 2005
    assert (await announce(api, account.headers, "a")).status_code == 201


async def test_a_failed_request_does_not_use_its_key_up(
    api: Api, account: Account, database: Database
) -> None:
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE procrastinate_jobs ADD CONSTRAINT shut CHECK (false)"))
    failed = await send(api, account.headers, "a")
    assert (failed.status_code, failed.json()["error"]["code"]) == (500, 5001)
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE procrastinate_jobs DROP CONSTRAINT shut"))
    first = await send(api, account.headers, "a")
    assert first.status_code == 201
    assert_is_replay(await send(api, account.headers, "a"), first)
    assert await count(database, "notes") == 1


async def test_a_request_that_dies_in_the_middle_does_not_use_its_key_up(
    api: Api, account: Account, database: Database
) -> None:
    async with database.transaction() as session:  # stops the request once it has claimed its key
        await session.execute(text("LOCK TABLE notes IN EXCLUSIVE MODE"))
        dying = asyncio.create_task(announce(api, account.headers, "a"))
        process = await process_waiting_in(database, "INSERT INTO notes")
        await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": process})
        assert (await dying).status_code == 503
    assert await count(database, "notes") == 0
    first = await announce(api, account.headers, "a")
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers


@pytest.fixture
async def second_api(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[Api]:
    """Another API process of the same fleet, as far as the database can tell."""
    async with running_app(settings, database_url, clock) as api:
        yield api


async def test_equal_requests_at_the_same_moment_make_one_note(
    api: Api, second_api: Api, account: Account, database: Database
) -> None:
    answers = await asyncio.gather(
        *(send(one, account.headers, "a") for _ in range(8) for one in (api, second_api))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert (await count(database, "notes"), await count(database, "procrastinate_jobs")) == (1, 1)
    stored = [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    assert len(stored) == 1


async def test_who_waits_too_long_is_told_to_come_back(
    account: Account, database: Database, clock: SettableClock
) -> None:
    request = KeyedRequest(account.id, None, "a", b"fingerprint")
    soon = timedelta(milliseconds=20)

    async def ask_again() -> Answer:
        async with database.transaction() as session:
            await do_once(session, BOX, request, answer, now=clock(), patience=soon)
        raise AssertionError("it was done twice")

    async def answer() -> Answer:
        return Answer(201, "{}")

    async with database.transaction() as session:
        await do_once(session, BOX, request, answer, now=clock())
        with pytest.raises(StillInProgress):
            await ask_again()


calls = st.tuples(
    st.integers(0, 2),  # who
    st.sampled_from(["key 1", "key 2"]),
    st.sampled_from([announce, send]),
    st.sampled_from(["one.wav", "two.wav"]),
)


@given_settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(st.lists(calls, min_size=1, max_size=6), min_size=1, max_size=3))
async def test_whatever_comes_when_each_key_stands_for_one_note(
    api: Api,
    second_api: Api,
    account: Account,
    other_account: Account,
    database: Database,
    moments: list[list[tuple[int, str, object, str]]],
) -> None:
    """Calls of one moment run at the same time. Whoever is first with a key decides what it stands for."""
    senders = [account.headers, other_account.headers, await token_headers(api, account, "ann")]
    before, example = await count(database, "notes"), uuid4().hex
    firsts: dict[tuple[int, str], tuple[object, str, bytes]] = {}
    for moment in moments:
        answers = await asyncio.gather(
            *(
                (announce if call is announce else send)(
                    (api, second_api)[number % 2], senders[who], f"{example} {key}", file_name=file_name
                )
                for number, (who, key, call, file_name) in enumerate(moment)
            )
        )
        told: dict[tuple[int, str], list[tuple[object, str, httpx2.Response]]] = defaultdict(list)
        for (who, key, call, file_name), answer in zip(moment, answers, strict=True):
            told[who, key].append((call, file_name, answer))
        for owner, group in told.items():
            if owner not in firsts:
                [(call, file_name, answer)] = [
                    one
                    for one in group
                    if one[2].status_code == 201 and "Idempotent-Replayed" not in one[2].headers
                ]
                firsts[owner] = (call, file_name, answer.content)
                group.remove((call, file_name, answer))
            for call, file_name, answer in group:
                if (call, file_name) == firsts[owner][:2]:
                    assert (answer.status_code, answer.content) == (201, firsts[owner][2])
                    assert answer.headers["Idempotent-Replayed"] == "true"
                else:
                    assert_is_conflict(answer)
    assert await count(database, "notes") == before + len(firsts)
