"""Sending again what a receiver missed: by API and by command, one delivery and all since a moment."""

import subprocess
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock
from support.deliveries import MANY_FAILED, delivery_context, run_next_delivery, tell
from support.listener import Listener
from support.running_server import COMMAND, server_environment

from vocafuse_server.core.ids import NoteId, WebhookId, new_uuid
from vocafuse_server.core.queue import Task
from vocafuse_server.core.settings import Settings
from vocafuse_server.storage.outbound import GuardedClient
from vocafuse_server.webhooks.delivery import DeliveryContext
from vocafuse_server.webhooks.replay import REPLAYED_AT_ONCE, Replay, run_replay

MINUTE = timedelta(minutes=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "allow_private_networks": "127.0.0.0/8"})


@pytest.fixture
async def worker(api: Api, clock: SettableClock) -> AsyncIterator[DeliveryContext]:
    """A worker that gives a delivery up after one attempt."""
    client = GuardedClient(api.context.guard, max_connections=8)
    yield delivery_context(
        api.context.database, client, clock, retry_delays_s=(), places=64, box=api.context.box
    )
    await client.close()


@pytest.fixture
async def webhook(api: Api, account: Account, listener: Listener) -> dict[str, Any]:
    asked = {"url": listener.url, "events": ["voicenote.transcribed"]}
    made: dict[str, Any] = (await api.http.post("/v1/webhooks", headers=account.headers, json=asked)).json()
    return made


async def give_up(worker: DeliveryContext, account: Account, clock: SettableClock, listener: Listener) -> str:
    """A delivery that was refused and given up; its id."""
    await tell(worker.database, account, NoteId(new_uuid()), clock)
    listener.answers.put(500)
    assert await run_next_delivery(worker, clock)
    return listener.next().headers["webhook-id"]


async def replay_jobs(worker: DeliveryContext) -> list[dict[str, str]]:
    """What the replays on the queue are asked to do."""
    async with worker.database.transaction() as session:
        jobs = await session.scalars(
            text("SELECT args FROM procrastinate_jobs WHERE task_name = :name"),
            {"name": Task.REPLAY_DELIVERIES},
        )
        return list(jobs)


async def ask(api: Api, account: Account, uri: str, since: object) -> tuple[int, dict[str, Any]]:
    answer = await api.http.post(f"{uri}/redeliver", headers=account.headers, json={"since": since})
    return answer.status_code, answer.json()


async def run_replays(worker: DeliveryContext, clock: SettableClock) -> int:
    """What the jobs do; how many deliveries they put on their way."""
    replayed = 0
    for job in await replay_jobs(worker):
        since, until = (datetime.fromisoformat(job[name]) for name in ("since", "until"))
        replay = Replay(WebhookId(UUID(job["webhook_id"])), since, until)
        replayed += await run_replay(worker.database, worker.queue, replay, clock=clock)
    return replayed


async def test_all_that_was_given_up_since_a_moment_is_sent_again(
    api: Api,
    account: Account,
    webhook: dict[str, Any],
    worker: DeliveryContext,
    listener: Listener,
    clock: SettableClock,
) -> None:
    await give_up(worker, account, clock, listener)
    clock.advance(MINUTE)
    missed = {await give_up(worker, account, clock, listener) for _ in range(3)}
    clock.advance(MINUTE)
    status, told = await ask(api, account, webhook["uri"], "2026-03-14T12:01:00")
    assert (status, told) == (
        202,
        {
            "webhook_id": webhook["id"],
            "since": "2026-03-14T12:01:00",
            "until": "2026-03-14T12:02:00",
            "deliveries_count": 3,
        },
    )
    assert await run_replays(worker, clock) == 3
    while await run_next_delivery(worker, clock):
        pass
    assert {listener.next().headers["webhook-id"] for _ in missed} == missed
    assert listener.received.empty()


async def test_a_replay_that_runs_twice_sends_once(
    api: Api,
    account: Account,
    webhook: dict[str, Any],
    worker: DeliveryContext,
    listener: Listener,
    clock: SettableClock,
) -> None:
    await give_up(worker, account, clock, listener)
    await ask(api, account, webhook["uri"], "2026-03-14")
    clock.advance(MINUTE)
    assert await run_replays(worker, clock) == 1
    listener.answers.put(500)
    assert await run_next_delivery(worker, clock)  # and it is given up a second time
    assert await run_replays(worker, clock) == 0


async def test_a_long_replay_goes_in_steps(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, clock: SettableClock
) -> None:
    count = 2 * REPLAYED_AT_ONCE + 3
    async with worker.database.transaction() as session:
        await session.execute(
            text(MANY_FAILED),
            {"count": count, "webhook": webhook["id"], "tenant": account.id, "at": clock()},
        )
    _, told = await ask(api, account, webhook["uri"], "2026-03-14")
    assert told["deliveries_count"] == count
    assert await run_replays(worker, clock) == count
    async with worker.database.transaction() as session:
        jobs = await session.execute(text(JOBS_OF_DELIVERIES))
        assert jobs.one() == (count, count, 10)


JOBS_OF_DELIVERIES = """
SELECT count(*), count(DISTINCT args ->> 'delivery_id'), max((args ->> 'attempt')::int)
FROM procrastinate_jobs JOIN webhook_deliveries AS d ON d.id = (args ->> 'delivery_id')::uuid
WHERE task_name = 'deliver_webhook' AND d.status = 'pending'
"""


async def test_what_cannot_be_replayed_is_told(
    api: Api, account: Account, other_account: Account, webhook: dict[str, Any], worker: DeliveryContext
) -> None:
    for since, name in ((None, "since"), ("yesterday", "since"), (7, "since")):
        status, told = await ask(api, account, webhook["uri"], since)
        assert (status, told["error"]["details"]["field"]) == (400, name)
    status, told = await ask(api, other_account, webhook["uri"], "2026-03-14")
    assert (status, told["error"]["code"]) == (404, 3004)
    await api.http.put(webhook["uri"], headers=account.headers, json={"status": "disabled"})
    status, told = await ask(api, account, webhook["uri"], "2026-03-14")
    assert (status, told["error"]["code"]) == (409, 3009)
    assert await replay_jobs(worker) == []


def command(database_url: str, data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "webhooks", "replay", *arguments],
        env=server_environment(data_dir, VOCAFUSE_DATABASE_URL=database_url),
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_command_replays_all_since_a_moment(
    account: Account,
    webhook: dict[str, Any],
    worker: DeliveryContext,
    listener: Listener,
    clock: SettableClock,
    database_url: str,
    tmp_path: Path,
) -> None:
    missed = [await give_up(worker, account, clock, listener) for _ in range(2)]
    told = command(database_url, tmp_path, webhook["id"], "--since", "2026-03-14")
    assert told.stdout == "2 deliveries are on the way again.\n", told.stderr
    while await run_next_delivery(worker, clock):
        pass
    assert [listener.next().headers["webhook-id"] for _ in missed] == missed


def test_the_command_says_in_a_sentence_what_it_cannot_do(database_url: str, tmp_path: Path) -> None:
    nowhere = str(new_uuid())
    for arguments, code, words in (
        ((nowhere, "--since", "2026-03-14"), 1, "Error: Webhook not found"),
        ((nowhere,), 2, "--since or --delivery"),
    ):
        result = command(database_url, tmp_path, *arguments)
        assert result.returncode == code
        assert words in result.stderr
        assert "Traceback" not in result.stderr
