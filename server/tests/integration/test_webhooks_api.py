"""Creating, listing and deleting webhooks."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.app import Account, Api, SettableClock, running_app
from support.clips import AUDIO

from vocafuse_server.core.settings import Settings

URL = "https://93.184.215.14/hook"  # a public address: nothing is resolved, nothing is called


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


async def create(api: Api, account: Account, **fields: object) -> dict[str, Any]:
    asked = {"url": URL, "events": ["voicenote.transcribed"], **fields}
    answer = await api.http.post("/v1/webhooks", headers=account.headers, json=asked)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_secret_is_shown_once(api: Api, account: Account) -> None:
    made = await create(api, account)
    assert list(made) == ["id", "url", "events", "secret", "status", "created_at", "updated_at", "uri"]
    assert made["secret"].startswith("whsec_")
    shown = (await api.http.get(made["uri"], headers=account.headers)).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}
    page = (await api.http.get("/v1/webhooks?status=active", headers=account.headers)).json()
    assert page["webhooks"] == [shown]
    assert (page["total"], page["uri"]) == (1, "/v1/webhooks?page=0&limit=50&status=active")
    disabled = await api.http.get("/v1/webhooks?status=disabled", headers=account.headers)
    assert disabled.json()["total"] == 0


async def test_a_given_secret_is_kept(api: Api, account: Account) -> None:
    assert (await create(api, account, secret="chosen"))["secret"] == "chosen"


async def test_a_url_is_subscribed_once_also_in_a_race(
    api: Api, account: Account, other_account: Account
) -> None:
    asked = {"url": URL, "events": ["voicenote.created"]}
    answers = await asyncio.gather(
        *(api.http.post("/v1/webhooks", headers=account.headers, json=asked) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {3009}
    await create(api, other_account)  # another tenant's is another webhook


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"events": []}, "events"),
        ({"events": ["voicenote.exploded"]}, "events"),
        ({"events": "voicenote.created"}, "events"),
        ({"url": "ftp://93.184.215.14/"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "not a url"}, "url"),
        ({"url": "http://[::1"}, "url"),
        ({"url": f"https://93.184.215.14/{'x' * 2048}"}, "url"),
        ({"url": "https://user:pass@93.184.215.14/"}, "url"),
        ({"url": "http://127.0.0.1:9/"}, "url"),
        ({"url": "http://localhost/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "http://name.invalid/"}, "url"),
        ({"secret": ""}, "secret"),
        ({"secret": "x" * 256}, "secret"),
        ({"secret": "a\x00"}, "secret"),
        ({"secret": 5}, "secret"),
    ],
)
async def test_unusable_fields_are_named(
    api: Api, account: Account, fields: dict[str, object], field: str
) -> None:
    asked = {"url": URL, "events": ["voicenote.created"], **fields}
    answer = await api.http.post("/v1/webhooks", headers=account.headers, json=asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, 2003), error
    assert error["details"]["field"].startswith(field)


async def test_a_deleted_webhook_is_gone(api: Api, account: Account, other_account: Account) -> None:
    made = await create(api, account)
    for headers, status in ((other_account.headers, 404), (account.headers, 204), (account.headers, 404)):
        answer = await api.http.delete(made["uri"], headers=headers)
        assert answer.status_code == status
    error = (await api.http.get("/v1/webhooks/hook_1", headers=account.headers)).json()["error"]
    assert (error["code"], error["name"], error["message"]) == (
        3004,
        "WEBHOOK_NOT_FOUND",
        "Webhook not found",
    )


async def change(api: Api, account: Account, uri: str, **fields: object) -> tuple[int, dict[str, Any]]:
    answer = await api.http.put(uri, headers=account.headers, json=fields)
    return answer.status_code, answer.json()


async def test_a_webhook_is_changed_field_by_field(api: Api, account: Account, clock: SettableClock) -> None:
    made = await create(api, account)
    shown = {name: value for name, value in made.items() if name != "secret"}
    clock.advance(timedelta(seconds=5))
    changed_at = "2026-03-14T12:00:05"
    changes: list[dict[str, Any]] = [
        {"url": "https://93.184.215.14/other"},
        {"events": ["recording.completed", "recording.failed", "recording.completed"]},
        {"status": "disabled"},
        {"status": "active", "events": ["voicenote.created"], "url": URL, "unknown": 1},
    ]
    for fields in changes:
        known = {name: value for name, value in fields.items() if name in shown}
        shown = {**shown, **known, "updated_at": changed_at}
        shown["events"] = list(dict.fromkeys(shown["events"]))
        assert await change(api, account, made["uri"], **fields) == (200, shown)
        assert (await api.http.get(made["uri"], headers=account.headers)).json() == shown


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"status": "paused"}, "status"),
        ({"status": 1}, "status"),
        ({"events": []}, "events"),
        ({"events": ["voicenote.exploded"]}, "events"),
        ({"url": ""}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"secret": ""}, "secret"),
    ],
)
async def test_an_unusable_change_changes_nothing(
    api: Api, account: Account, fields: dict[str, object], field: str
) -> None:
    made = await create(api, account)
    status, body = await change(api, account, made["uri"], **{"events": ["voicenote.failed"], **fields})
    assert (status, body["error"]["code"]) == (400, 2003)
    assert body["error"]["details"]["field"].startswith(field)
    shown = (await api.http.get(made["uri"], headers=account.headers)).json()
    assert shown == {name: value for name, value in made.items() if name != "secret"}


async def test_a_change_of_nothing_is_refused(api: Api, account: Account) -> None:
    made = await create(api, account)
    for fields in ({}, {"url": None}, {"event": ["voicenote.failed"]}):
        status, body = await change(api, account, made["uri"], **fields)
        assert (status, body["error"]["code"]) == (400, 2001)


async def test_the_url_of_another_webhook_is_a_conflict_also_in_a_race(
    api: Api, account: Account, other_account: Account
) -> None:
    taken = await create(api, account)
    others = [await create(api, account, url=f"{URL}/{number}") for number in range(3)]
    status, body = await change(api, account, others[0]["uri"], url=taken["url"])
    assert (status, body["error"]["code"]) == (409, 3009)
    assert (await change(api, account, taken["uri"], url=taken["url"]))[0] == 200
    free = await asyncio.gather(*(change(api, account, one["uri"], url=f"{URL}/free") for one in others))
    assert sorted(status for status, _ in free) == [200, 409, 409]
    theirs = await create(api, other_account, url=f"{URL}/theirs")
    assert (await change(api, other_account, theirs["uri"], url=taken["url"]))[0] == 200


async def test_a_new_secret_is_shown_once(api: Api, account: Account) -> None:
    made = await create(api, account)
    rotate = f"{made['uri']}/rotate-secret"
    answer = await api.http.post(rotate, headers=account.headers)
    assert answer.status_code == 200
    assert list(answer.json()) == list(made)
    assert answer.json()["secret"].startswith("whsec_")
    assert answer.json()["secret"] != made["secret"]
    chosen = await api.http.post(rotate, headers=account.headers, json={"secret": "chosen"})
    assert chosen.json()["secret"] == "chosen"
    assert "secret" not in (await api.http.get(made["uri"], headers=account.headers)).json()
    assert "secret" not in (await change(api, account, made["uri"], secret="by PUT"))[1]


async def test_a_rotation_whose_answer_got_lost_can_be_repeated(api: Api, account: Account) -> None:
    made = await create(api, account)
    keyed = {**account.headers, "Idempotency-Key": "a"}
    first, again = [await api.http.post(f"{made['uri']}/rotate-secret", headers=keyed) for _ in range(2)]
    assert (first.content, again.headers["Idempotent-Replayed"]) == (again.content, "true")


async def test_too_many_rotations_are_a_conflict(api: Api, account: Account) -> None:
    made = await create(api, account)
    answers = [
        (await api.http.post(f"{made['uri']}/rotate-secret", headers=account.headers)).status_code
        for _ in range(6)
    ]
    assert answers == [200] * 5 + [409]


@pytest.mark.parametrize(
    ("method", "below"), [("PUT", ""), ("POST", "/rotate-secret"), ("GET", ""), ("DELETE", "")]
)
async def test_another_tenants_webhook_is_not_there(
    api: Api, account: Account, other_account: Account, method: str, below: str
) -> None:
    made = await create(api, account)
    for uri in (made["uri"], "/v1/webhooks/hook_1"):
        answer = await api.http.request(
            method, f"{uri}{below}", headers=other_account.headers, json={"status": "disabled"}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 3004)


async def test_an_operator_can_allow_a_private_network(
    tmp_path: Path, database_url: str, clock: SettableClock, account: Account
) -> None:
    allowing = Settings.model_validate(
        {"data_dir": tmp_path, "allow_private_networks": "127.0.0.0/8,::1/128"}
    )
    async with running_app(allowing, database_url, clock) as api:
        assert (await create(api, account, url="http://127.0.0.1:9/"))["url"] == "http://127.0.0.1:9/"
        refused = {"url": "http://10.0.0.1/", "events": ["voicenote.created"]}
        answer = await api.http.post("/v1/webhooks", headers=account.headers, json=refused)
        assert answer.status_code == 400


async def test_an_upload_is_announced_in_the_subscribers_words(api: Api, account: Account) -> None:
    from sqlalchemy import select

    from vocafuse_server.webhooks.models import Delivery

    await create(api, account, events=["voicenote.created", "recording.created", "voicenote.completed"])
    files = {"file": (AUDIO / "whats-the-weather-like.wav").read_bytes()}
    await api.http.post("/v1/voicenotes", headers=account.headers, files=files)
    async with api.context.database.transaction() as session:
        told = list(await session.scalars(select(Delivery.payload).order_by(Delivery.id)))
    assert [payload.split('"', 5)[3] for payload in told] == ["voicenote.created", "recording.created"]
    assert '"voicenote":{' in told[0]
    assert '"recording":{' in told[1]
