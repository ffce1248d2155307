"""The contract on uploading: both ways, and their limits."""

import io
import json
import wave
from collections.abc import AsyncIterator, MutableMapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.app import SettableClock
from support.clips import AUDIO

from conformance.promises import promise
from conformance.service import SPOKEN, ApiUser, Service

NOTES = "/v1/voicenotes"
CLIP = (AUDIO / SPOKEN).read_bytes()
OTHER_CLIP = (AUDIO / "harvard-birch-canoe.wav").read_bytes()
MAX_BYTES = 25 * 1024 * 1024


def silence(seconds: float, *, rate: int) -> bytes:
    """A WAV file of nothing."""
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(1)
        target.setframerate(rate)
        target.writeframes(b"\x80" * round(seconds * rate))
    return out.getvalue()


async def put_half(service: Service, url: str) -> None:
    """A PUT whose client goes away half-way, as a web server tells the app of it."""
    parts = urlsplit(url)
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": CLIP[: len(CLIP) // 2], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        assert message["type"] != "http.response.start" or message["status"] >= 400

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "PUT",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "server": ("notes.test", 80),
        "client": ("10.1.0.1", 1),
        "headers": [(b"host", b"notes.test"), (b"content-length", str(len(CLIP)).encode())],
    }
    await service.api.app(scope, receive, send)
    assert messages == []


@promise("contract", "Uploading", "`POST /v1/upload` takes all of its fields")
async def test_upload_takes_its_fields(user: ApiUser) -> None:
    announced = await user.announce(
        file_name="note.wav",
        file_size=len(CLIP),
        audio_format="wav",
        duration_seconds=2.03,
        use_multipart=True,
        sdk_metadata={"sdk": {"version": "1.0"}},
        custom_tags={"jobId": "job_123"},
        language="en",
        user_id="user_12345",
    )
    note = await user.announced_note(announced)
    assert (note["original_filename"], note["user_id"]) == ("note.wav", "user_12345")
    assert note["custom_tags"] == {"jobId": "job_123"}


@promise("contract", "Uploading", "The answer to `/v1/upload`, field by field")
async def test_upload_answer(user: ApiUser) -> None:
    announced = await user.announce()
    note_id = announced["voicenote_id"]
    links = {name: announced[name] for name in ("presigned_url", "audio_url", "message")}
    assert list(announced.items()) == [
        ("voicenote_id", note_id),
        ("recording_id", note_id),
        ("upload_type", "single"),
        ("presigned_url", links["presigned_url"]),
        ("s3_key", f"{user.tenant_id}/{note_id}.wav"),
        ("audio_url", links["audio_url"]),
        ("expires_in", 900),
        ("processing_strategy", "server"),
        ("client_processed", False),
        ("message", links["message"]),
    ]
    assert (await user.announced_note(announced))["s3_key"] == announced["s3_key"]


@promise("contract", "Uploading", "`file_name` is required")
async def test_upload_needs_a_file_name(user: ApiUser) -> None:
    error = await user.refused("POST", "/v1/upload", 400, json={})
    assert (error["code"], error["details"]["field"]) == (2001, "file_name")


@promise("contract", "Uploading", "The upload is always `single`, whatever `use_multipart` says")
async def test_upload_is_single(user: ApiUser) -> None:
    for wanted in (True, False):
        assert (await user.announce(use_multipart=wanted))["upload_type"] == "single"


@promise("contract", "Uploading", "A token with the upload scope uploads; its identity is the `user_id`")
async def test_upload_by_token(user: ApiUser) -> None:
    ann = await user.token(user_id="ann", scopes=["voice-api.upload_recording"])
    announced = await ann.announce()
    assert await ann.put(announced, CLIP) == 200
    assert (await user.announced_note(announced))["user_id"] == "ann"


@promise("contract", "Uploading", "With a key pair `user_id` is optional")
async def test_upload_by_key_pair(user: ApiUser) -> None:
    assert (await user.announced_note(await user.announce()))["user_id"] is None
    assert (await user.announced_note(await user.announce(user_id="ann")))["user_id"] == "ann"


@promise("contract", "Uploading", "When the bytes have arrived whole, transcription starts by itself")
async def test_upload_starts_transcription(service: Service, user: ApiUser) -> None:
    announced = await user.announce()
    assert await user.put(announced, CLIP) == 200
    assert (await user.announced_note(announced))["status"] == "processing"
    await service.work()
    assert (await user.announced_note(announced))["status"] == "transcribed"
    heard = await user.get(f"{NOTES}/{announced['voicenote_id']}/transcription")
    assert "weather" in heard["text"].lower()


@promise("contract", "Uploading", "The signed URL is good for its one note")
async def test_upload_url_is_for_one_note(user: ApiUser) -> None:
    one, other = await user.announce(), await user.announce()
    url = str(one["presigned_url"])
    for forged in (
        url.replace(one["voicenote_id"], other["voicenote_id"]),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.partition("?")[0],
    ):
        assert await user.put({"presigned_url": forged}, CLIP) == 401


@promise("contract", "Uploading", "The signed URL expires after 900 s")
async def test_upload_url_expires(clock: SettableClock, user: ApiUser) -> None:
    announced = await user.announce()
    clock.advance(timedelta(seconds=901))
    assert await user.put(announced, CLIP) == 401
    assert (await user.announced_note(announced))["status"] == "created"


@promise("contract", "Uploading", "A browser may PUT to the signed URL from another origin")
async def test_upload_across_origins(user: ApiUser) -> None:
    announced = await user.announce()
    origin = {"Origin": "https://app.example.com"}
    asked = {
        **origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type",
    }
    preflight = await user.http.request("OPTIONS", announced["presigned_url"], headers=asked)
    assert preflight.status_code == 200
    assert "PUT" in preflight.headers["Access-Control-Allow-Methods"]
    answer = await user.http.put(announced["presigned_url"], content=CLIP, headers=origin)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}


@promise("contract", "Uploading", "After a complete PUT another one is 409 and changes nothing")
async def test_upload_puts_once(user: ApiUser) -> None:
    announced = await user.announce()
    assert await user.put(announced, CLIP) == 200
    assert await user.put(announced, OTHER_CLIP) == 409
    audio = await user.call("GET", announced["audio_url"])
    assert audio.content == CLIP


@promise("contract", "Uploading", "A PUT that was cut or refused can be repeated on the same URL")
async def test_upload_can_be_repeated(service: Service, user: ApiUser) -> None:
    announced = await user.announce()
    await put_half(service, announced["presigned_url"])
    assert (await user.announced_note(announced))["status"] == "created"
    assert await user.put(announced, b"<html>502 Bad Gateway</html>") == 400
    assert await user.put(announced, CLIP) == 200


@promise("contract", "Uploading", "`POST /v1/voicenotes` makes a note of a form with `file` in one step")
async def test_upload_in_one_step(user: ApiUser) -> None:
    tags = {"jobId": "job_123"}
    note = await user.upload(custom_tags=json.dumps(tags), user_id="ann", language="en")
    assert (note["status"], note["custom_tags"], note["user_id"]) == ("processing", tags, "ann")
    assert await user.get(note["uri"]) == note


@promise("contract", "Uploading: Limits", "25 MB are taken, a byte more is 413 with code 2004")
async def test_limits_of_size(user: ApiUser) -> None:
    announced = await user.announce(file_size=MAX_BYTES)
    assert await user.put(announced, CLIP + bytes(MAX_BYTES + 1 - len(CLIP))) == 413
    assert await user.put(announced, CLIP + bytes(MAX_BYTES - len(CLIP))) == 200


@promise("contract", "Uploading: Limits", "A declared `file_size` over the limit is 413 at once")
async def test_limits_of_declared_size(user: ApiUser) -> None:
    asked = {"file_name": "a.wav", "file_size": MAX_BYTES + 1}
    assert (await user.refused("POST", "/v1/upload", 413, json=asked))["code"] == 2004


@promise(
    "contract",
    "Uploading: Limits",
    "The size is checked while the body streams, which is not read to its end",
)
async def test_limits_while_streaming(user: ApiUser) -> None:
    announced, sent = await user.announce(), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield CLIP
        while True:
            sent += 1024 * 1024
            yield bytes(1024 * 1024)

    assert await user.put(announced, endless()) == 413
    assert sent <= MAX_BYTES + 2 * 1024 * 1024


@promise(
    "contract", "Uploading: Limits", "Ten minutes are transcribed; what is longer fails with AUDIO_TOO_LONG"
)
async def test_limits_of_length(service: Service, user: ApiUser) -> None:
    announced = [await user.announce() for _ in range(2)]
    for one, seconds in zip(announced, (600, 600.5), strict=True):
        assert await user.put(one, silence(seconds, rate=8000)) == 200
    await service.work()
    longest, longer = [await user.announced_note(one) for one in announced]
    assert (longest["status"], longest["duration_seconds"]) == ("transcribed", 600.0)
    assert (longer["status"], longer["failure"]["code"]) == ("failed", "AUDIO_TOO_LONG")


@promise("contract", "Uploading: Limits", "Sample rates from 8 to 48 kHz are taken")
@pytest.mark.parametrize("rate", [8000, 11025, 44100, 48000])
async def test_limits_of_sample_rates(service: Service, user: ApiUser, rate: int) -> None:
    announced = await user.announce()
    assert await user.put(announced, silence(1, rate=rate)) == 200
    await service.work()
    note = await user.announced_note(announced)
    assert (note["status"], note["sample_rate"]) == ("transcribed", rate)
