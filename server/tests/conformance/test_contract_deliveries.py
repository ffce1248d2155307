"""The contract on what receivers get: headers, signatures, retries, and what can be asked of deliveries."""

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from support.listener import Listener, Received

from conformance.promises import promise
from conformance.service import HOOK_URL, ApiUser, Service
from vocafuse import RequestValidator


async def deliveries(user: ApiUser, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    page = await user.get(f"{webhook['uri']}/deliveries")
    found: list[dict[str, Any]] = page["deliveries"]
    return found


async def answered(
    service: Service, user: ApiUser, listener: Listener, *, status: int = 200
) -> tuple[Received, dict[str, Any]]:
    """A delivery whose receiver answers with this status, and what is known of it then."""
    made = await user.subscribe(listener.url, "voicenote.created")
    listener.answers.put(status)
    await user.upload()
    received = await service.told(listener)
    [delivery] = await deliveries(user, made)
    return received, delivery


async def delivered(service: Service, user: ApiUser, listener: Listener, **more: str) -> tuple[Received, str]:
    """A delivery, and the secret that it is signed with."""
    made = await user.subscribe(listener.url, "voicenote.created", **more)
    await user.upload()
    return await service.told(listener), made["secret"]


def standard_signature(key: bytes, received: Received) -> str:
    """As Standard Webhooks says, computed here once more."""
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode()
    digest = hmac.new(key, signed + received.body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


@promise(
    "contract", "Webhooks: Headers", "`X-VocaFuse-Signature`: `sha256=` and the hex HMAC of the body alone"
)
async def test_headers_signature(service: Service, user: ApiUser, listener: Listener) -> None:
    received, secret = await delivered(service, user, listener)
    expected = hmac.new(secret.encode(), received.body, hashlib.sha256).hexdigest()
    assert received.headers["X-VocaFuse-Signature"] == f"sha256={expected}"
    assert RequestValidator(secret).validate(received.body, f"sha256={expected}")


@promise(
    "contract", "Webhooks: Headers", "`X-VocaFuse-Delivery-ID` and `webhook-id` are the same for every retry"
)
async def test_headers_delivery_id(service: Service, user: ApiUser, listener: Listener) -> None:
    first, delivery = await answered(service, user, listener, status=500)
    await user.post(f"{delivery['uri']}/redeliver", status=202)
    second = await service.told(listener)
    ids = {one.headers[name] for one in (first, second) for name in ("X-VocaFuse-Delivery-ID", "webhook-id")}
    assert ids == {delivery["id"]}
    assert first.body == second.body


@promise("contract", "Webhooks: Headers", "`X-VocaFuse-Event` is the event")
async def test_headers_event(service: Service, user: ApiUser, listener: Listener) -> None:
    received, _ = await delivered(service, user, listener)
    assert received.headers["X-VocaFuse-Event"] == received.payload["event"] == "voicenote.created"


@promise(
    "contract", "Webhooks: Headers", "The Standard Webhooks trio, keyed by the decoded bytes after `whsec_`"
)
async def test_headers_standard_webhooks(service: Service, user: ApiUser, listener: Listener) -> None:
    received, secret = await delivered(service, user, listener)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert received.headers["webhook-signature"] == standard_signature(key, received)
    assert received.headers["webhook-timestamp"] == str(int(service.clock().timestamp()))


@promise(
    "contract", "Webhooks: Headers", "A secret without the prefix keys `webhook-signature` by its UTF-8 bytes"
)
async def test_headers_of_a_plain_secret(service: Service, user: ApiUser, listener: Listener) -> None:
    received, secret = await delivered(service, user, listener, secret="süß")
    assert received.headers["webhook-signature"] == standard_signature(secret.encode(), received)
    assert RequestValidator(secret).validate(received.body, received.headers["X-VocaFuse-Signature"])


@promise("contract", "Webhooks: Headers", "`X-VocaFuse-Timestamp` is never sent")
async def test_headers_no_timestamp(service: Service, user: ApiUser, listener: Listener) -> None:
    received, _ = await delivered(service, user, listener)
    assert "x-vocafuse-timestamp" not in {name.lower() for name in received.headers}


@promise(
    "contract", "Webhooks: Headers", "For 24 h after a rotation `webhook-signature` carries both signatures"
)
async def test_headers_after_a_rotation(service: Service, user: ApiUser, listener: Listener) -> None:
    made = await user.subscribe(listener.url, "voicenote.created")
    rotated = await user.post(f"{made['uri']}/rotate-secret", status=200)
    old, new = [base64.b64decode(one["secret"].removeprefix("whsec_")) for one in (made, rotated)]
    for wait, keys in ((timedelta(hours=23, minutes=59), [new, old]), (timedelta(minutes=1), [new])):
        service.clock.advance(wait)
        await user.upload()
        received = await service.told(listener)
        signatures = received.headers["webhook-signature"].split(" ")
        assert signatures == [standard_signature(key, received) for key in keys]
        newest = RequestValidator(rotated["secret"])
        assert newest.validate(received.body, received.headers["X-VocaFuse-Signature"])


@promise("contract", "Webhooks: Deliveries", "2xx within 10 s is delivered")
@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_deliveries_are_taken(service: Service, user: ApiUser, listener: Listener, status: int) -> None:
    _, delivery = await answered(service, user, listener, status=status)
    assert (delivery["status"], delivery["next_attempt_at"]) == ("delivered", None)
    assert service.api.context.settings.webhook_timeout_seconds == 10


SCHEDULE_S = (5, 30, 120, 600, 1800, 7200, 21600, 43200)


@promise(
    "contract",
    "Webhooks: Deliveries",
    "Anything else is retried after about 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h and 12 h, then `failed`",
)
async def test_deliveries_are_retried(service: Service, user: ApiUser, listener: Listener) -> None:
    made = await user.subscribe(listener.url, "voicenote.created")
    await user.upload()
    waits: list[float] = []
    for attempt, _ in enumerate(SCHEDULE_S, start=1):
        listener.answers.put(500 if attempt % 2 else 404)
        await service.told(listener)
        [delivery] = await deliveries(user, made)
        assert (delivery["status"], delivery["attempt_count"]) == ("pending", attempt)
        waits.append(await skip_to_next_attempt(service))
    listener.answers.put(500)
    await service.told(listener)
    [delivery] = await deliveries(user, made)
    assert (delivery["status"], delivery["next_attempt_at"]) == ("failed", None)
    assert waits == [pytest.approx(wait, rel=0.15) for wait in SCHEDULE_S]


async def skip_to_next_attempt(service: Service) -> float:
    """Move the clock to when the next attempt is due, and the queue's job to now; returns the wait."""
    async with service.api.context.database.transaction() as session:
        due = await session.scalar(
            text("SELECT max(scheduled_at) FROM procrastinate_jobs WHERE status = 'todo'")
        )
        await session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo'"))
    assert due is not None
    wait = due - service.clock()
    service.clock.advance(wait)
    return wait.total_seconds()


@promise("contract", "Webhooks: Deliveries", "What is announced waits in the database for a worker")
async def test_deliveries_wait(service: Service, user: ApiUser, listener: Listener) -> None:
    made = await user.subscribe(listener.url, "voicenote.created")
    await user.upload()
    [waiting] = await deliveries(user, made)
    assert (waiting["status"], waiting["attempt_count"]) == ("pending", 0)
    assert listener.received.empty()
    await service.told(listener)
    [delivery] = await deliveries(user, made)
    assert (delivery["status"], delivery["attempt_count"]) == ("delivered", 1)


@promise("contract", "Webhooks: Deliveries", "Redirects are not followed")
async def test_deliveries_follow_no_redirects(service: Service, user: ApiUser, listener: Listener) -> None:
    _, delivery = await answered(service, user, listener, status=302)
    assert (delivery["status"], delivery["attempts"][0]["status_code"]) == ("pending", 302)


@promise("contract", "Webhooks: Deliveries", "`POST …/test` sends a signed event and is 202")
async def test_deliveries_of_a_test(service: Service, user: ApiUser, listener: Listener) -> None:
    made = await user.subscribe(listener.url)
    sent = await user.post(f"{made['uri']}/test", status=202)
    received = await service.told(listener)
    assert received.headers["X-VocaFuse-Delivery-ID"] == sent["id"]
    assert RequestValidator(made["secret"]).validate(received.body, received.headers["X-VocaFuse-Signature"])


@promise(
    "contract", "Webhooks: Deliveries", "`GET …/deliveries` shows attempts with status codes and durations"
)
async def test_deliveries_are_listed(service: Service, user: ApiUser, listener: Listener) -> None:
    _, failed = await answered(service, user, listener, status=503)
    await skip_to_next_attempt(service)
    await service.told(listener)
    log = failed["uri"].removesuffix(f"/{failed['id']}")
    [delivery] = (await user.get(log))["deliveries"]
    assert (delivery["event"], delivery["status"]) == ("voicenote.created", "delivered")
    assert [one["status_code"] for one in delivery["attempts"]] == [503, 200]
    assert all(one["duration_ms"] >= 0 for one in delivery["attempts"])


@promise("contract", "Webhooks: Deliveries", "`POST …/redeliver` sends one again and is 202")
async def test_deliveries_are_sent_again(service: Service, user: ApiUser, listener: Listener) -> None:
    first, delivery = await answered(service, user, listener)
    again = await user.post(f"{delivery['uri']}/redeliver", status=202)
    assert again["id"] == delivery["id"]
    assert (await service.told(listener)).body == first.body


@promise(
    "contract",
    "Webhooks: Deliveries",
    "`POST …/rotate-secret` answers with a new secret, or with the one given",
)
async def test_deliveries_secret_is_rotated(user: ApiUser) -> None:
    made = await user.subscribe(HOOK_URL)
    rotated = await user.post(f"{made['uri']}/rotate-secret", status=200)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]+={0,2}", rotated["secret"])
    assert rotated["secret"] != made["secret"]
    given = await user.post(f"{made['uri']}/rotate-secret", {"secret": "chosen"}, status=200)
    assert given["secret"] == "chosen"
