"""What can be done with one voice note, named by its id."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from vocafuse import Client, ConflictError, NotFoundError, TranscriptionFailedError

MakeClient = Callable[..., Client]
ErrorJson = Callable[..., dict[str, Any]]
NoteJson = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("collection", "language", "body"), [("voicenotes", None, {}), ("recordings", "de", {"language": "de"})]
)
def test_transcribe_is_repeated_with_one_key(
    make_client: MakeClient, note_json: NoteJson, collection: str, language: str | None, body: dict[str, str]
) -> None:
    received: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        received.append(request)
        note = note_json(status="processing")
        return httpx2.Response(503) if len(received) == 1 else httpx2.Response(202, json=note)

    client = make_client(answer)
    note = getattr(client, collection)("rec_123").transcribe(language=language)
    assert (note.id, note.status) == ("rec_123", "processing")
    assert {(one.method, one.url.path) for one in received} == {
        ("POST", f"/v1/{collection}/rec_123/transcribe")
    }
    assert [json.loads(one.content) for one in received] == [body, body]
    assert received[0].headers["Idempotency-Key"] == received[1].headers["Idempotency-Key"]
    getattr(client, collection)("rec_123").transcribe(language=language)
    assert received[2].headers["Idempotency-Key"] != received[1].headers["Idempotency-Key"]


def test_transcribing_what_has_no_audio_yet(make_client: MakeClient, error_json: ErrorJson) -> None:
    refusal = error_json(3009, "ConflictError", "The audio has not arrived yet.")
    client = make_client([httpx2.Response(409, json=refusal)])
    with pytest.raises(ConflictError, match="not arrived"):
        client.voicenotes("rec_123").transcribe()


def test_audio_comes_as_it_was_sent(make_client: MakeClient, error_json: ErrorJson) -> None:
    audio = bytes(range(256))
    missing = error_json(3000, "NotFoundError", "The audio of this note has not arrived yet.")
    paths: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        if len(paths) == 1:
            return httpx2.Response(200, content=audio, headers={"Content-Type": "audio/wav"})
        return httpx2.Response(404, json=missing)

    client = make_client(answer)
    assert client.voicenotes("rec_123").audio() == audio
    with pytest.raises(NotFoundError):
        client.recordings("rec_123").audio()
    assert paths == ["/v1/voicenotes/rec_123/audio", "/v1/recordings/rec_123/audio"]


def test_wait_says_why_another_run_failed(
    make_client: MakeClient, note_json: NoteJson, transcription_json: dict[str, Any]
) -> None:
    failed = note_json(
        status="failed", failure={"code": "TRANSCRIPTION_ERROR", "message": "The store is gone."}
    )
    answers = [httpx2.Response(200, json=failed), httpx2.Response(200, json=transcription_json)]
    with pytest.raises(TranscriptionFailedError, match="The store is gone"):
        make_client(answers).voicenotes.wait("rec_123")
