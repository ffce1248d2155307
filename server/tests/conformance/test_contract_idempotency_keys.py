"""The contract on idempotency keys."""

from datetime import timedelta
from typing import Any

import pytest
from support.clips import AUDIO

from conformance.promises import promise
from conformance.service import SPOKEN, ApiUser, Service

NOTES = "/v1/voicenotes"
CLIP = (AUDIO / SPOKEN).read_bytes()


async def keyed(user: ApiUser, path: str, key: str, *, name: str = "a.wav") -> tuple[int, Any]:
    """The answer to a creating call with an idempotency key."""
    content: dict[str, Any] = (
        {"json": {"file_name": name}} if path == "/v1/upload" else {"files": {"file": (name, CLIP)}}
    )
    answer = await user.call("POST", path, headers={"Idempotency-Key": key}, **content)
    return answer.status_code, answer.json()


both_uploads = pytest.mark.parametrize("path", ["/v1/upload", NOTES])


@promise("contract", "Idempotency keys", "A repeated call gets the first answer and makes no second note")
@both_uploads
async def test_keys_repeat_the_answer(user: ApiUser, path: str) -> None:
    first, again = await keyed(user, path, "key"), await keyed(user, path, "key")
    assert first[0] == 201
    assert first == again
    assert (await user.get(NOTES))["total"] == (1 if path == NOTES else 0)


@promise("contract", "Idempotency keys", "The same key with another body is 409")
@both_uploads
async def test_keys_with_another_body(user: ApiUser, path: str) -> None:
    await keyed(user, path, "key")
    status, body = await keyed(user, path, "key", name="b.wav")
    assert (status, body["error"]["code"]) == (409, 3009)


@promise("contract", "Idempotency keys", "Keys belong to the tenant or user that sent them")
@both_uploads
async def test_keys_belong_to_their_sender(user: ApiUser, other: ApiUser, path: str) -> None:
    senders = [user, other, await user.token(user_id="ann"), await user.token(user_id="bob")]
    answers = [await keyed(sender, path, "key") for sender in senders]
    assert [status for status, _ in answers] == [201] * 4
    ids = {body.get("id") or body["voicenote_id"] for _, body in answers}
    assert len(ids) == 4


@promise("contract", "Idempotency keys", "A key has 1 to 255 characters; others are 400 with code 2003")
@both_uploads
async def test_keys_have_a_length(user: ApiUser, path: str) -> None:
    assert (await keyed(user, path, "k" * 255))[0] == 201
    for bad in ("k" * 256, ""):
        status, body = await keyed(user, path, bad)
        assert (status, body["error"]["code"]) == (400, 2003)


@promise("contract", "Idempotency keys", "They stand for 24 hours")
@both_uploads
async def test_keys_stand_for_a_day(service: Service, user: ApiUser, path: str) -> None:
    first = await keyed(user, path, "key")
    service.clock.advance(timedelta(hours=23, minutes=59))
    assert await keyed(user, path, "key") == first
    service.clock.advance(timedelta(minutes=2))
    status, body = await keyed(user, path, "key")
    assert status == 201
    assert body != first[1]
