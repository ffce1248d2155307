"""The whole path of a voice note: upload, transcript, webhook, with real speech and the real model."""

import hashlib
import hmac
import io
import json
import random
import string
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from support.clips import AUDIO, english_clips, word_error_rate
from support.listener import Listener, listening
from support.running_server import Server
from support.waiting import wait_until

from vocafuse import (
    AccessToken,
    Client,
    NotFoundError,
    RequestValidator,
    TranscriptionFailedError,
    ValidationError,
)

pytestmark = pytest.mark.xdist_group("e2e")
SPOKEN = "harvard-birch-canoe.wav"


def test_speech_becomes_text_with_few_wrong_words(client: Client) -> None:
    clips = english_clips()
    notes = [client.voicenotes.upload(AUDIO / name) for name in clips]
    heard: list[str] = []
    for note in notes:
        client.voicenotes.wait(note.id, timeout=60)
        heard.append(client.voicenotes(note.id).transcription.get().text)
    assert word_error_rate(list(clips.values()), heard) < 0.10


def test_a_note_has_every_published_field_filled(client: Client, server: Server) -> None:
    uploaded = client.voicenotes.upload(AUDIO / SPOKEN, custom_tags={"jobId": "job_123"}, user_id="user_1")
    note = client.voicenotes.wait(uploaded.id, timeout=60)
    assert list(note.to_dict()) == [
        *("id", "tenant_id", "user_id", "original_filename", "s3_key", "s3_bucket", "duration_seconds"),
        *("file_size_bytes", "audio_format", "sample_rate", "channels", "bit_rate", "audio_codec", "status"),
        *("features", "client_ip", "user_agent", "upload_source", "custom_tags", "created_at", "updated_at"),
        *("processed_at", "uri", "title", "tags", "subresource_uris"),
    ]
    assert note["status"] == "transcribed"
    assert note["tenant_id"] == server.credentials["tenant_id"]
    assert (note["user_id"], note["custom_tags"]) == ("user_1", {"jobId": "job_123"})
    assert note["duration_seconds"] == pytest.approx(3.26, abs=0.05)
    assert note["file_size_bytes"] == (AUDIO / SPOKEN).stat().st_size
    assert (note["audio_format"], note["audio_codec"], note["channels"]) == ("wav", "pcm_s16le", 1)
    assert (note["upload_source"], note["client_ip"]) == ("sdk", "127.0.0.1")
    assert note["s3_key"] == f"{note['tenant_id']}/{note.id}.wav"


def test_the_transcription_tells_what_ran_and_when_each_word_was_said(client: Client) -> None:
    note = client.voicenotes.upload(AUDIO / SPOKEN)
    client.voicenotes.wait(note.id, timeout=60)
    transcription = client.voicenotes(note.id).transcription.get()
    assert (transcription["provider"], transcription["model"]) == ("local", "whisper-base")
    assert transcription["language"] == "english"
    assert transcription["voicenote_id"] == note.id
    assert transcription["processing_duration_ms"] > 0
    words = json.loads(transcription["words"])
    assert list(words[0]) == ["word", "start_time", "end_time", "confidence"]
    assert [word["word"].lower().strip(".") for word in words] == transcription.text.lower().strip(
        "."
    ).split()
    times = [time for word in words for time in (word["start_time"], word["end_time"])]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 3.3
    assert transcription["segments"][0]["text"]


@pytest.mark.parametrize(
    "name",
    [
        "chrome-mediarecorder.webm",
        "firefox.ogg",
        "iphone-voice-memo.m4a",
        "safari-mediarecorder-fragmented.mp4",
    ],
)
def test_what_browsers_and_phones_record_is_understood(client: Client, name: str) -> None:
    note = client.voicenotes.upload(AUDIO / name)
    client.voicenotes.wait(note.id, timeout=60)
    heard = client.voicenotes(note.id).transcription.get().text
    assert (
        word_error_rate(
            ["And it is worth mention in passing that, as an example of fine typography,"], [heard]
        )
        < 0.3
    )
    known = client.voicenotes.get(note.id)
    assert known["duration_seconds"] == pytest.approx(5.68, abs=0.15)
    assert known["bit_rate"] == pytest.approx(known["file_size_bytes"] * 8 / 5.68, rel=0.2)


def test_silence_is_transcribed_to_nothing(client: Client) -> None:
    note = client.voicenotes.upload(AUDIO / "silence-10s.wav")
    assert client.voicenotes.wait(note.id, timeout=60)["status"] == "transcribed"
    assert client.voicenotes(note.id).transcription.get().text == ""


def test_another_language_is_detected(client: Client) -> None:
    note = client.voicenotes.upload(AUDIO / "de-werbung.wav")
    client.voicenotes.wait(note.id, timeout=60)
    transcription = client.voicenotes(note.id).transcription.get()
    assert transcription["language"] == "german"
    assert "Werbung" in transcription.text


def test_a_note_is_transcribed_again_in_another_language(
    server: Server, client: Client, listener: Listener
) -> None:
    note = client.voicenotes.upload(AUDIO / "de-werbung.wav", language="en")
    client.voicenotes.wait(note.id, timeout=60)
    assert client.voicenotes(note.id).transcription.get().language == "english"
    assert client.voicenotes(note.id).audio() == (AUDIO / "de-werbung.wav").read_bytes()
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.transcribed"])
    assert client.voicenotes(note.id).transcribe(language="de").status == "processing"
    told = listener.next().payload["voicenote"]
    client.webhooks.delete(webhook.id)
    assert (told["id"], told["transcription"]["language"]) == (note.id, "de")
    transcription = client.voicenotes(note.id).transcription.get()
    assert (transcription.language, transcription.text) == ("german", told["transcription"]["text"])
    assert "Werbung" in transcription.text

    def shown(form: str) -> str:
        uri = f"{server.origin}{transcription.uri}?format={form}"
        return httpx2.get(uri, headers=server.key_headers).raise_for_status().text

    assert shown("text") == transcription.text
    assert shown("vtt").startswith("WEBVTT\n\n00:00:0")
    assert " ".join(shown("srt").split("\n")[2:4]).strip() in transcription.text


def test_webhooks_are_signed_and_a_tampered_copy_is_refused(client: Client, listener: Listener) -> None:
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.created", "voicenote.transcribed"])
    note = client.voicenotes.upload(AUDIO / SPOKEN, custom_tags={"jobId": "job_123"})
    received = {one.headers["X-VocaFuse-Event"]: one for one in (listener.next(), listener.next())}
    client.webhooks.delete(webhook.id)

    created, done = received["voicenote.created"], received["voicenote.transcribed"]
    validator = RequestValidator(webhook["secret"])
    for one in (created, done):
        signature = one.headers["X-VocaFuse-Signature"]
        assert validator.validate(one.body, signature)
        assert not validator.validate(one.body.replace(b"job_123", b"job_124"), signature)
        assert not validator.validate(one.body, "sha256=" + "0" * 64)
        assert "X-VocaFuse-Timestamp" not in one.headers
        assert one.headers["webhook-id"] == one.headers["X-VocaFuse-Delivery-ID"]
    assert created.payload["voicenote"]["status"] == "processing"
    body = done.payload["voicenote"]
    assert body["id"] == note.id
    assert body["status"] == "completed"
    assert body["custom_tags"] == {"jobId": "job_123"}
    assert body["transcription"]["language"] == "en"
    assert "birch canoe" in body["transcription"]["text"].lower()


def test_a_delivery_is_repeated_until_the_receiver_takes_it(client: Client, listener: Listener) -> None:
    webhook = client.webhooks.create(url=listener.url, events=["recording.completed"])
    for answer in (500, 302):
        listener.answers.put(answer)
    note = client.voicenotes.upload(AUDIO / SPOKEN)
    attempts = [listener.next() for _ in range(3)]
    client.webhooks.delete(webhook.id)
    assert len({one.headers["X-VocaFuse-Delivery-ID"] for one in attempts}) == 1
    assert len({one.body for one in attempts}) == 1
    assert attempts[0].payload["event"] == "recording.completed"
    body = attempts[0].payload["recording"]
    assert body["uri"] == f"/v1/recordings/{note.id}"


def test_a_receiver_that_hangs_holds_up_nobody_else(
    server: Server, client: Client, listener: Listener
) -> None:
    with listening() as hanging, httpx2.Client(headers=server.key_headers, base_url=server.origin) as http:
        hanging.gate.clear()
        stuck, fine = (
            client.webhooks.create(url=url, events=["voicenote.failed"])
            for url in (hanging.url, listener.url)
        )
        for _ in range(100):  # more than the worker has places
            http.post(f"{stuck.uri}/test").raise_for_status()
        hanging.next()
        started = time.monotonic()
        for _ in range(10):
            http.post(f"{fine.uri}/test").raise_for_status()
        for _ in range(10):
            listener.next()
        assert time.monotonic() - started < 5  # half of the time that each of the others hangs
        for webhook in (stuck, fine):
            client.webhooks.delete(webhook.id)


def test_a_file_that_is_no_audio_is_refused_at_once(client: Client) -> None:
    for name in ("text.webm", "html-error.mp3", "one-byte.mp3"):
        with pytest.raises(ValidationError) as refused:
            client.voicenotes.upload(AUDIO / name)
        assert refused.value.code == 2005


def test_audio_that_cannot_be_decoded_fails_with_a_reason(client: Client, listener: Listener) -> None:
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.failed"])
    note = client.voicenotes.upload(AUDIO / "truncated.mp4")
    with pytest.raises(TranscriptionFailedError):
        client.voicenotes.wait(note.id, timeout=60)
    failed = client.voicenotes.get(note.id)
    assert failed["failure"]["code"] == "UNSUPPORTED_AUDIO"
    with pytest.raises(NotFoundError) as refused:
        client.voicenotes(note.id).transcription.get()
    assert refused.value.code == 3003
    told = listener.next().payload
    client.webhooks.delete(webhook.id)
    assert told["error"] == {"code": "TRANSCRIPTION_FAILED", "message": failed["failure"]["message"]}


def test_tenants_do_not_see_each_other(client: Client, other_client: Client, listener: Listener) -> None:
    note = client.voicenotes.upload(AUDIO / SPOKEN)
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.deleted"])
    for call in (
        lambda: other_client.voicenotes.get(note.id),
        lambda: other_client.voicenotes(note.id).transcription.get(),
        lambda: other_client.voicenotes.delete(note.id),
        lambda: other_client.webhooks.get(webhook.id),
        lambda: other_client.webhooks.delete(webhook.id),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert note.id not in {one.id for one in other_client.voicenotes.list_all()}
    assert other_client.webhooks.list().total == 0
    other_note = other_client.voicenotes.upload(AUDIO / SPOKEN)
    other_client.voicenotes.delete(other_note.id)
    client.voicenotes.wait(note.id, timeout=60)
    client.voicenotes.delete(note.id)
    told = listener.next().payload["voicenote"]
    assert told["id"] == note.id  # and not the other tenant's, which was deleted before
    client.webhooks.delete(webhook.id)


def test_a_token_reads_and_writes_only_its_users_notes(server: Server, client: Client) -> None:
    known = server.credentials
    tokens = {
        user: AccessToken(known["api_key"], known["api_secret"], identity=user, base_url=known["base_url"])(
            expires_in=60
        )["token"]
        for user in ("ann", "bob")
    }
    with httpx2.Client(base_url=known["base_url"]) as http:
        ann, bob = ({"Authorization": f"Bearer {tokens[user]}"} for user in ("ann", "bob"))
        answer = http.post(
            "/voicenotes", headers=ann, files={"file": (AUDIO / SPOKEN).read_bytes()}, data={"user_id": "bob"}
        )
        assert answer.status_code == 201
        note = answer.json()
        assert (note["user_id"], note["upload_source"]) == ("ann", "recorder")
        assert http.get(note["uri"].removeprefix("/v1"), headers=ann).status_code == 200
        assert http.get(note["uri"].removeprefix("/v1"), headers=bob).status_code == 404
        assert http.get("/voicenotes", headers=bob).json()["total"] == 0
        assert http.post("/token", headers=ann, json={"user_id": "eve"}).status_code == 403
        assert http.get("/webhooks", headers=ann).status_code == 403
    client.voicenotes.delete(note["id"])


def test_deleting_a_note_leaves_nothing_of_it(server: Server, client: Client, listener: Listener) -> None:
    note = client.voicenotes.upload(AUDIO / SPOKEN)
    client.voicenotes.wait(note.id, timeout=60)
    stored = server.data_dir / "audio" / note["s3_key"]
    assert stored.exists()
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.deleted"])
    client.voicenotes.delete(note.id)
    with pytest.raises(NotFoundError):
        client.voicenotes.get(note.id)
    told = listener.next().payload["voicenote"]
    assert (told["id"], told["status"]) == (note.id, "completed")
    client.webhooks.delete(webhook.id)
    wait_until(lambda: not stored.exists())  # by a job of its own, a moment later


def test_an_upload_cut_half_way_can_be_repeated_on_the_same_url(server: Server, client: Client) -> None:
    keys, data = server.key_headers, (AUDIO / SPOKEN).read_bytes()
    with httpx2.Client(base_url=f"{server.origin}/v1") as http:
        asked = http.post("/upload", headers=keys, json={"file_name": "note.wav"}).json()
        assert http.get(f"/voicenotes/{asked['voicenote_id']}", headers=keys).json()["status"] == "created"

        def half() -> "list[bytes]":
            raise ConnectionAbortedError

        class Cut(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell() > len(data) // 2:
                    half()
                return super().read(1024)

        with pytest.raises(ConnectionAbortedError):
            http.put(asked["presigned_url"], content=Cut(data), headers={"Content-Length": str(len(data))})
        assert http.get(f"/voicenotes/{asked['voicenote_id']}", headers=keys).json()["status"] == "created"
        assert http.put(asked["presigned_url"], content=data).status_code == 200
        again = http.put(asked["presigned_url"], content=data)
        assert (again.status_code, again.json()["error"]["code"]) == (409, 3009)
    assert client.voicenotes.wait(asked["voicenote_id"], timeout=60)["status"] == "transcribed"


def test_the_command_line_finds_the_server_by_itself(server: Server) -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "vocafuse", "upload", AUDIO / SPOKEN, "--wait"],
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "birch canoe" in result.stdout.lower()


def test_no_secret_is_in_the_logs(server: Server, client: Client, listener: Listener) -> None:
    secret = "whsec_" + "".join(random.Random(1).choices(string.ascii_letters, k=32))
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.created"], secret=secret)
    note = client.voicenotes.upload(AUDIO / SPOKEN)
    first = listener.next()
    client.webhooks.delete(webhook.id)
    client.voicenotes.delete(note.id)
    expected = hmac.new(secret.encode(), first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-VocaFuse-Signature"] == f"sha256={expected}"
    log = server.log_file.read_text()
    assert note.id in log
    for hidden in (secret, server.credentials["api_secret"], "signature="):
        assert hidden not in log
