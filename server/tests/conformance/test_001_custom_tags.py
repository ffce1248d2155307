"""Document 001: custom tags and their limits."""

import json
from typing import Any

import pytest
from support.listener import Listener

from conformance.examples import example
from conformance.promises import promise
from conformance.service import ApiUser, Service

TAGS = "List Recordings: custom_tags"


async def assert_taken(user: ApiUser, tags: dict[str, Any]) -> None:
    announced = await user.announce(custom_tags=tags)
    assert (await user.get(f"/v1/recordings/{announced['recording_id']}"))["custom_tags"] == tags


async def assert_refused(user: ApiUser, tags: dict[str, Any]) -> None:
    body = {"file_name": "a.wav", "custom_tags": tags}
    error = await user.refused("POST", "/v1/upload", 400, json=body)
    assert error["details"]["field"].startswith("custom_tags")


@promise("001", TAGS, "The example: given at upload, they are kept on the recording as they were")
async def test_custom_tags_of_the_example(user: ApiUser) -> None:
    tags = example("001_custom_tags")["custom_tags"]
    await assert_taken(user, tags)
    note = await user.upload(custom_tags=json.dumps(tags))
    assert (await user.get(f"/v1/recordings/{note['id']}"))["custom_tags"] == tags


@promise("001", TAGS, "Webhook payloads hold them")
async def test_custom_tags_in_webhooks(service: Service, user: ApiUser, listener: Listener) -> None:
    tags = example("001_custom_tags")["custom_tags"]
    await user.post("/v1/webhooks", {"url": listener.url, "events": ["recording.transcribed"]})
    await service.transcribed(user, custom_tags=json.dumps(tags))
    assert listener.next().payload["recording"]["custom_tags"] == tags


@promise("001", TAGS, "At most 10 keys")
async def test_custom_tags_keys(user: ApiUser) -> None:
    await assert_taken(user, {f"k{number}": "" for number in range(10)})
    await assert_refused(user, {f"k{number}": "" for number in range(11)})


@promise("001", TAGS, "A key has 1 to 32 characters")
async def test_custom_tags_key_length(user: ApiUser) -> None:
    await assert_taken(user, {"k": "", "k" * 32: ""})
    for key in ("", "k" * 33):
        await assert_refused(user, {key: ""})


@promise("001", TAGS, "A key's characters are A-Z, a-z, 0-9, _ and -")
@pytest.mark.parametrize("odd", [" ", ".", "é", "/", ":", "\n"])
async def test_custom_tags_key_characters(user: ApiUser, odd: str) -> None:
    await assert_taken(user, {"AZaz09_-": ""})
    await assert_refused(user, {f"job{odd}id": ""})


@promise("001", TAGS, "A value is a string of at most 128 characters")
async def test_custom_tags_value_length(user: ApiUser) -> None:
    await assert_taken(user, {"k": "v" * 128})
    for value in ("v" * 129, 1, None, ["v"], {"v": "v"}):
        await assert_refused(user, {"k": value})


@promise("001", TAGS, "A value holds no control characters")
@pytest.mark.parametrize("odd", ["\x00", "\n", "\t", "\x1f", "\x7f", "\x85"])
async def test_custom_tags_control_characters(user: ApiUser, odd: str) -> None:
    await assert_refused(user, {"k": f"a{odd}b"})


@promise("001", TAGS, "All together take at most 1024 bytes")
async def test_custom_tags_size(user: ApiUser) -> None:
    tags = {f"k{number}": "v" * 100 for number in range(9)}
    room = 1024 - len(json.dumps({**tags, "more": ""}, separators=(",", ":")))
    await assert_taken(user, {**tags, "more": "v" * room})
    await assert_refused(user, {**tags, "more": "v" * (room + 1)})
