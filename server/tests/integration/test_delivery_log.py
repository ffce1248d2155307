"""Tests of a webhook, the log of its deliveries, and asking for one again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.app import NOON, Account, Api, SettableClock
from support.clips import AUDIO
from support.deliveries import MANY_FAILED, delivery_context, tell
from support.listener import Listener

from vocafuse import RequestValidator
from vocafuse_server.core.ids import DeliveryId, NoteId, new_uuid, parse_uuid
from vocafuse_server.core.settings import Settings
from vocafuse_server.jobs.maintenance import DELETED_AT_ONCE, MaintenanceContext, run_deletion
from vocafuse_server.storage.outbound import GuardedClient
from vocafuse_server.webhooks.delivery import MAX_RESPONSE_CHARACTERS, DeliveryContext, deliver
from vocafuse_server.webhooks.delivery_queries import delete_ended_deliveries


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "allow_private_networks": "127.0.0.0/8"})


@pytest.fixture
async def worker(api: Api, clock: SettableClock) -> AsyncIterator[DeliveryContext]:
    client = GuardedClient(api.context.guard, max_connections=4)
    yield delivery_context(api.context.database, client, clock, box=api.context.box)
    await client.close()


@pytest.fixture
async def webhook(api: Api, account: Account, listener: Listener) -> dict[str, Any]:
    asked = {"url": listener.url, "events": ["voicenote.transcribed"]}
    answer = await api.http.post("/v1/webhooks", headers=account.headers, json=asked)
    made: dict[str, Any] = answer.json()
    return made


async def post(api: Api, account: Account, uri: str) -> dict[str, Any]:
    answer = await api.http.post(uri, headers=account.headers)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def get(api: Api, account: Account, uri: str) -> dict[str, Any]:
    answer = await api.http.get(uri, headers=account.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def make(worker: DeliveryContext, delivery: dict[str, Any], *, attempt: int) -> None:
    """What a job does."""
    known_id = parse_uuid(delivery["id"])
    assert known_id is not None
    await deliver(worker, DeliveryId(known_id), attempt=attempt)


async def test_a_test_is_signed_and_logged(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, listener: Listener
) -> None:
    listener.answer_body = b"\x00caf\xc3\xa9" + b"x" * 1000
    sent = await post(api, account, f"{webhook['uri']}/test")
    assert {**sent, "id": "", "uri": ""} == {
        "id": "",
        "webhook_id": webhook["id"],
        "event": "webhook.test",
        "status": "pending",
        "attempt_count": 0,
        "next_attempt_at": "2026-03-14T12:00:00",
        "created_at": "2026-03-14T12:00:00",
        "updated_at": "2026-03-14T12:00:00",
        "attempts": [],
        "uri": "",
    }
    await make(worker, sent, attempt=1)
    received = listener.next()
    signature = received.headers["X-VocaFuse-Signature"]
    assert RequestValidator(webhook["secret"]).validate(received.body, signature)
    assert (received.headers["X-VocaFuse-Event"], received.headers["webhook-id"]) == (
        "webhook.test",
        sent["id"],
    )
    assert received.payload["webhook"] == {"id": webhook["id"], "events": webhook["events"]}
    known = await get(api, account, sent["uri"])
    assert list(known) == [*sent, "payload"]
    assert known["payload"] == received.payload
    assert (known["status"], known["attempt_count"], known["next_attempt_at"]) == ("delivered", 1, None)
    [attempt] = known["attempts"]
    assert attempt.pop("duration_ms") >= 0
    assert attempt == {
        "number": 1,
        "status_code": 200,
        "error": None,
        "response": ("\ufffdcafé" + "x" * 1000)[:MAX_RESPONSE_CHARACTERS],
        "created_at": "2026-03-14T12:00:00",
    }


async def test_every_attempt_is_logged(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, listener: Listener
) -> None:
    sent = await post(api, account, f"{webhook['uri']}/test")
    answers = [500, 404, 302]
    for number, answer in enumerate(answers, start=1):
        listener.answers.put(answer)
        await make(worker, sent, attempt=number)
        known = await get(api, account, sent["uri"])
        told = [(attempt["number"], attempt["status_code"]) for attempt in known["attempts"]]
        assert told == list(enumerate(answers[:number], start=1))
        ended = number == 3
        assert known["status"] == ("failed" if ended else "pending")
        assert (known["next_attempt_at"] is None) == ended


async def test_the_log_comes_in_pages_newest_first(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, listener: Listener
) -> None:
    log = f"{webhook['uri']}/deliveries"
    sent = [await post(api, account, f"{webhook['uri']}/test") for _ in range(5)]
    for number, one in enumerate(sent[:3]):
        listener.answers.put(500 if number == 0 else 200)
        await make(worker, one, attempt=1)
    page = await get(api, account, f"{log}?limit=2")
    assert [one["id"] for one in page["deliveries"]] == [sent[4]["id"], sent[3]["id"]]
    assert (page["total"], page["page_size"], page["next_page_uri"]) == (5, 2, f"{log}?page=1&limit=2")
    last = await get(api, account, f"{log}?limit=2&page=2")
    assert [one["id"] for one in last["deliveries"]] == [sent[0]["id"]]
    assert last["deliveries"][0]["attempts"][0]["status_code"] == 500
    assert last["next_page_uri"] is None
    delivered = await get(api, account, f"{log}?status=delivered")
    assert [one["id"] for one in delivered["deliveries"]] == [sent[2]["id"], sent[1]["id"]]
    assert delivered["uri"] == f"{log}?page=0&limit=50&status=delivered"
    answer = await api.http.get(f"{log}?status=lost", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2003)


async def test_what_was_delivered_is_sent_again_as_it_was(
    api: Api,
    account: Account,
    webhook: dict[str, Any],
    worker: DeliveryContext,
    listener: Listener,
    clock: SettableClock,
) -> None:
    await tell(api.context.database, account, NoteId(new_uuid()), clock)
    [sent] = (await get(api, account, f"{webhook['uri']}/deliveries"))["deliveries"]
    await make(worker, sent, attempt=1)
    again = await post(api, account, f"{sent['uri']}/redeliver")
    assert (again["id"], again["status"], len(again["attempts"])) == (sent["id"], "pending", 1)
    await make(worker, sent, attempt=2)
    first, second = listener.next(), listener.next()
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    known = await get(api, account, sent["uri"])
    assert (known["status"], known["attempt_count"]) == ("delivered", 2)


async def test_what_was_given_up_gets_its_whole_schedule_again(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, listener: Listener
) -> None:
    sent = await post(api, account, f"{webhook['uri']}/test")
    for number in range(1, 7):
        if number == 4:
            assert (await get(api, account, sent["uri"]))["status"] == "failed"
            await post(api, account, f"{sent['uri']}/redeliver")
        listener.answers.put(500)
        await make(worker, sent, attempt=number)
    known = await get(api, account, sent["uri"])
    assert (known["status"], known["attempt_count"]) == ("failed", 6)


async def test_what_still_waits_is_sent_at_once_and_not_twice(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, listener: Listener
) -> None:
    sent = await post(api, account, f"{webhook['uri']}/test")
    listener.answers.put(500)
    await make(worker, sent, attempt=1)
    hurried = await post(api, account, f"{sent['uri']}/redeliver")
    assert hurried["next_attempt_at"] == "2026-03-14T12:00:00"
    for _ in range(2):  # the job that redelivery made, and the one that was scheduled before
        await make(worker, sent, attempt=2)
    listener.next()
    listener.next()
    assert listener.received.empty()
    assert (await get(api, account, sent["uri"]))["attempt_count"] == 2


async def test_a_disabled_webhook_is_sent_nothing_by_hand_either(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext
) -> None:
    sent = await post(api, account, f"{webhook['uri']}/test")
    await api.http.put(webhook["uri"], headers=account.headers, json={"status": "disabled"})
    known = await get(api, account, sent["uri"])
    assert (known["status"], known["next_attempt_at"]) == ("failed", None)
    for uri in (f"{webhook['uri']}/test", f"{sent['uri']}/redeliver"):
        answer = await api.http.post(uri, headers=account.headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, 3009)
    await api.http.put(webhook["uri"], headers=account.headers, json={"status": "active"})
    await post(api, account, f"{sent['uri']}/redeliver")


async def test_nobody_elses_deliveries_are_there(
    api: Api, account: Account, other_account: Account, webhook: dict[str, Any]
) -> None:
    sent = await post(api, account, f"{webhook['uri']}/test")
    asked = {"url": "http://127.0.0.1:9/", "events": ["voicenote.created"]}
    others = [
        (await api.http.post("/v1/webhooks", headers=one.headers, json=asked)).json()
        for one in (account, other_account)
    ]
    for owner, method, uri in (
        (other_account, "GET", f"{webhook['uri']}/deliveries"),
        (other_account, "GET", sent["uri"]),
        (other_account, "POST", f"{sent['uri']}/redeliver"),
        (other_account, "POST", f"{webhook['uri']}/test"),
        (other_account, "GET", f"{others[1]['uri']}/deliveries/{sent['id']}"),
        (account, "GET", f"{others[0]['uri']}/deliveries/{sent['id']}"),
        (account, "POST", f"{others[0]['uri']}/deliveries/{sent['id']}/redeliver"),
        (account, "GET", f"{webhook['uri']}/deliveries/none"),
    ):
        answer = await api.http.request(method, uri, headers=owner.headers)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFoundError"), uri
    assert (await get(api, account, f"{others[0]['uri']}/deliveries"))["total"] == 0


async def test_with_a_note_goes_what_was_told_of_it(
    api: Api,
    account: Account,
    webhook: dict[str, Any],
    worker: DeliveryContext,
    listener: Listener,
    clock: SettableClock,
) -> None:
    events = ["voicenote.created", "recording.created", "voicenote.deleted"]
    await api.http.put(webhook["uri"], headers=account.headers, json={"events": events})
    files = {"file": (AUDIO / "whats-the-weather-like.wav").read_bytes()}
    note = (await api.http.post("/v1/voicenotes", headers=account.headers, files=files)).json()
    log = f"{webhook['uri']}/deliveries"
    [second, first] = (await get(api, account, log))["deliveries"]
    await make(worker, first, attempt=1)
    await api.http.delete(note["uri"], headers=account.headers)
    told = [(one["event"], one["status"]) for one in (await get(api, account, log))["deliveries"]]
    assert told == [("voicenote.deleted", "pending"), ("recording.created", "pending")]
    maintenance = MaintenanceContext(api.context.database, timedelta(days=30), clock)
    await run_deletion(maintenance)
    assert (await get(api, account, log))["total"] == 2
    await make(worker, second, attempt=1)
    await run_deletion(maintenance)
    assert [one["event"] for one in (await get(api, account, log))["deliveries"]] == ["voicenote.deleted"]


async def test_what_ended_long_ago_is_forgotten(
    api: Api, account: Account, webhook: dict[str, Any], worker: DeliveryContext, clock: SettableClock
) -> None:
    delivered, _pending = [await post(api, account, f"{webhook['uri']}/test") for _ in range(2)]
    await make(worker, delivered, attempt=1)
    maintenance = MaintenanceContext(api.context.database, timedelta(days=30), clock)
    for step, left in ((timedelta(days=29), 2), (timedelta(days=1), 1), (timedelta(days=300), 1)):
        clock.advance(step)
        await run_deletion(maintenance)
        assert (await get(api, account, f"{webhook['uri']}/deliveries"))["total"] == left


async def test_a_long_log_is_forgotten_in_small_steps(
    api: Api, account: Account, webhook: dict[str, Any], clock: SettableClock
) -> None:
    async with api.context.database.transaction() as session:
        await session.execute(
            text(MANY_FAILED),
            {"count": 2 * DELETED_AT_ONCE + 7, "webhook": webhook["id"], "tenant": account.id, "at": clock()},
        )
    clock.advance(timedelta(days=30))
    async with api.context.database.transaction() as session:
        deleted = await delete_ended_deliveries(session, ended_until=NOON, limit=DELETED_AT_ONCE)
    assert deleted == DELETED_AT_ONCE
    log = f"{webhook['uri']}/deliveries"
    assert (await get(api, account, log))["total"] == DELETED_AT_ONCE + 7
    await run_deletion(MaintenanceContext(api.context.database, timedelta(days=30), clock))
    assert (await get(api, account, log))["total"] == 0
