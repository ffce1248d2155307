"""The contract on webhooks: subscribing, and the payloads of events."""

import base64
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.app import running_app
from support.listener import Listener

from conformance.examples import TIME
from conformance.promises import RECORDINGS, VOICENOTES, Spelling, promise
from conformance.service import HOOK_URL, ApiUser, Service
from vocafuse_server.core.settings import Settings

WEBHOOKS = "/v1/webhooks"
FIELDS = ["id", "url", "events", "status", "created_at", "updated_at", "uri"]
WITH_SECRET = [*FIELDS[:3], "secret", *FIELDS[3:]]


@promise("contract", "Resources: Webhooks", "Create, get, list, change and delete them")
async def test_webhooks_are_managed(user: ApiUser) -> None:
    made = await user.subscribe(HOOK_URL)
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert await user.get(made["uri"]) == shown
    assert (await user.get(WEBHOOKS))["webhooks"] == [shown]
    answer = await user.call("PUT", made["uri"], json={"events": ["voicenote.failed"]})
    assert (answer.status_code, answer.json()["events"]) == (200, ["voicenote.failed"])
    assert (await user.call("DELETE", made["uri"])).status_code == 204
    await user.refused("GET", made["uri"], 404)


@promise(
    "contract", "Webhooks", "All of its fields are there; `secret` in the answers to create and rotate alone"
)
async def test_webhooks_have_their_fields(user: ApiUser) -> None:
    made = await user.subscribe(HOOK_URL)
    rotated = await user.post(f"{made['uri']}/rotate-secret", status=200)
    assert list(made) == list(rotated) == WITH_SECRET
    changed = (await user.call("PUT", made["uri"], json={"status": "active"})).json()
    [listed] = (await user.get(WEBHOOKS))["webhooks"]
    assert [list(one) for one in (await user.get(made["uri"]), listed, changed)] == [FIELDS] * 3
    assert (made["status"], made["uri"]) == ("active", f"{WEBHOOKS}/{made['id']}")
    assert TIME.fullmatch(made["created_at"])


@promise("contract", "Webhooks", "A secret that isn't given is `whsec_` and base64")
async def test_webhooks_make_secrets(user: ApiUser) -> None:
    secret = (await user.subscribe(HOOK_URL))["secret"]
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) >= 24
    assert (await user.subscribe(f"{HOOK_URL}/2", secret="chosen"))["secret"] == "chosen"


@promise("contract", "Webhooks", "PUT sets `status` to `disabled` and `active` again")
async def test_webhooks_are_disabled(service: Service, user: ApiUser, listener: Listener) -> None:
    made = await user.subscribe(listener.url, "voicenote.created")
    for status in ("disabled", "active"):
        assert (await user.call("PUT", made["uri"], json={"status": status})).json()["status"] == status
        note = await user.upload()
        await service.work()
    assert listener.next().payload["voicenote"]["id"] == note["id"]
    assert listener.received.empty()


@promise("contract", "Webhooks", "`?status=` narrows the list, which comes in pages")
async def test_webhooks_are_listed_by_status(user: ApiUser) -> None:
    made = [await user.subscribe(f"{HOOK_URL}/{number}") for number in range(3)]
    await user.call("PUT", made[0]["uri"], json={"status": "disabled"})
    page = await user.get(f"{WEBHOOKS}?status=active&limit=1")
    assert ([one["id"] for one in page["webhooks"]], page["total"]) == ([made[2]["id"]], 2)
    assert await user.ids(page["next_page_uri"]) == [made[1]["id"]]
    assert await user.ids(f"{WEBHOOKS}?status=disabled") == [made[0]["id"]]


EVENTS = [
    f"{noun}.{verb}"
    for noun in ("voicenote", "recording")
    for verb in ("created", "transcribed", "failed", "deleted", "completed")
]


@promise("contract", "Webhooks", "Every event in every spelling can be subscribed to")
async def test_webhooks_know_the_events(user: ApiUser) -> None:
    assert (await user.subscribe(HOOK_URL, *EVENTS))["events"] == EVENTS


@promise("contract", "Webhooks", "The same URL twice is 409, also by PUT")
async def test_webhooks_have_a_url_each(user: ApiUser) -> None:
    await user.subscribe(HOOK_URL)
    body = {"url": HOOK_URL, "events": ["voicenote.failed"]}
    assert (await user.refused("POST", WEBHOOKS, 409, json=body))["code"] == 3009
    another = await user.subscribe(f"{HOOK_URL}/2")
    assert (await user.refused("PUT", another["uri"], 409, json={"url": HOOK_URL}))["code"] == 3009


@promise("contract", "Webhooks", "An unknown event: 400 and code 2003")
async def test_webhooks_unknown_event(user: ApiUser) -> None:
    body = {"url": HOOK_URL, "events": ["voicenote.exploded"]}
    error = await user.refused("POST", WEBHOOKS, 400, json=body)
    assert (error["code"], error["details"]["field"]) == (2003, "events")


@promise("contract", "Webhooks", "A URL that is not http or https: 400 and code 2003")
@pytest.mark.parametrize("url", ["ftp://93.184.215.14/", "file:///etc/passwd", "93.184.215.14", "https://"])
async def test_webhooks_unusable_url(user: ApiUser, url: str) -> None:
    error = await user.refused("POST", WEBHOOKS, 400, json={"url": url, "events": ["voicenote.created"]})
    assert (error["code"], error["details"]["field"]) == (2003, "url")


PRIVATE = [
    *("127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0"),
    *("[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]"),
]


@promise(
    "contract", "Webhooks", "A URL that leads into a private network is refused unless the operator allows it"
)
async def test_webhooks_into_private_networks(service: Service, user: ApiUser, tmp_path: Path) -> None:
    async with running_app(Settings(data_dir=tmp_path), service.database_url, service.clock) as api:
        strict = replace(user, http=api.http)
        for host in PRIVATE:
            body = {"url": f"http://{host}/hook", "events": ["voicenote.created"]}
            error = await strict.refused("POST", WEBHOOKS, 400, json=body)
            assert (error["code"], error["details"]["field"]) == (2003, "url")
    await user.subscribe("http://127.0.0.1:9/hook")


NOTE_FIELDS = ["id", "identity", "status", "duration", "created_at", "completed_at", "custom_tags", "uri"]
spellings = pytest.mark.parametrize("words", [VOICENOTES, RECORDINGS], ids=["voicenote", "recording"])


@promise("contract", "Webhooks: Payloads", "`transcribed`, field by field, in the subscription's spelling")
@spellings
async def test_payload_of_transcribed(
    service: Service, user: ApiUser, listener: Listener, words: Spelling
) -> None:
    await user.subscribe(listener.url, f"{words.noun}.transcribed")
    note = await user.upload(user_id="ann", custom_tags='{"jobId": "job_123"}')
    service.clock.advance(timedelta(seconds=7))
    payload = (await service.told(listener)).payload
    assert list(payload) == ["event", "timestamp", words.noun]
    assert payload["event"] == f"{words.noun}.transcribed"
    body = payload[words.noun]
    now = int(service.clock().timestamp())
    assert list(body) == [*NOTE_FIELDS, "transcription"]
    assert (payload["timestamp"], body["created_at"], body["completed_at"]) == (now, now - 7, now)
    assert (body["id"], body["identity"], body["status"]) == (note["id"], "ann", "completed")
    assert body["duration"] == pytest.approx(2.03, abs=0.05)
    assert (body["custom_tags"], body["uri"]) == ({"jobId": "job_123"}, f"{words.path}/{note['id']}")
    heard = await user.get(f"{words.path}/{note['id']}/transcription")
    expected = {"text": heard["text"], "confidence": heard["confidence"], "language": "en"}
    assert list(body["transcription"].items()) == list(expected.items())


@promise("contract", "Webhooks: Payloads", "`completed` is `transcribed` under another name")
@spellings
async def test_payload_of_completed(
    service: Service, user: ApiUser, listener: Listener, words: Spelling
) -> None:
    await user.subscribe(listener.url, f"{words.noun}.completed")
    note = await user.upload()
    received = await service.told(listener)
    assert received.payload["event"] == received.headers["X-VocaFuse-Event"] == f"{words.noun}.completed"
    assert received.payload[words.noun]["id"] == note["id"]
    assert received.payload[words.noun]["transcription"]["text"]


@promise(
    "contract", "Webhooks: Payloads", "`created` comes when the bytes have arrived, with status `processing`"
)
@spellings
async def test_payload_of_created(
    service: Service, user: ApiUser, listener: Listener, words: Spelling
) -> None:
    await user.subscribe(listener.url, f"{words.noun}.created")
    announced = await user.announce()
    await service.work()
    assert listener.received.empty()
    clip = (await user.call("GET", f"{(await user.upload())['uri']}/audio")).content
    await user.http.put(announced["presigned_url"], content=clip)
    bodies = [(await service.told(listener)).payload[words.noun], listener.next().payload[words.noun]]
    [body] = [one for one in bodies if one["id"] == announced["recording_id"]]
    assert list(body) == NOTE_FIELDS
    assert (body["status"], body["completed_at"], body["duration"]) == ("processing", None, None)


@promise(
    "contract",
    "Webhooks: Payloads",
    "`failed` has status `failed`, no transcription, and `error` beside the note",
)
@spellings
async def test_payload_of_failed(
    service: Service, user: ApiUser, listener: Listener, words: Spelling
) -> None:
    await user.subscribe(listener.url, f"{words.noun}.failed")
    note = await user.upload("truncated.mp4")
    payload = (await service.told(listener)).payload
    assert list(payload) == ["event", "timestamp", words.noun, "error"]
    assert list(payload[words.noun]) == NOTE_FIELDS
    assert payload[words.noun]["status"] == "failed"
    failure = (await user.get(note["uri"]))["failure"]
    assert payload["error"] == {"code": "TRANSCRIPTION_FAILED", "message": failure["message"]}


@promise("contract", "Webhooks: Payloads", "`deleted` carries the last status")
@spellings
async def test_payload_of_deleted(
    service: Service, user: ApiUser, listener: Listener, words: Spelling
) -> None:
    await user.subscribe(listener.url, f"{words.noun}.deleted")
    note = await service.transcribed(user)
    await user.call("DELETE", note["uri"])
    payload = (await service.told(listener)).payload
    assert list(payload[words.noun]) == NOTE_FIELDS
    assert (payload[words.noun]["id"], payload[words.noun]["status"]) == (note["id"], "completed")
