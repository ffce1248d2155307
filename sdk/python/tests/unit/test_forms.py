"""Uploads in one request."""

from __future__ import annotations

import io
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from typing import Any, cast

import httpx2
from hypothesis import given
from hypothesis import strategies as st

from vocafuse import Client
from vocafuse._audio import AudioSource
from vocafuse._forms import AudioForm


def parts_of(request: httpx2.Request) -> dict[str, Message]:
    """The parts of a form as another parser than ours reads them, by name."""
    head = b"Content-Type: " + request.headers["Content-Type"].encode() + b"\r\n\r\n"
    parts = cast("list[Message]", message_from_bytes(head + request.content).get_payload())
    return {str(part.get_param("name", header="Content-Disposition")): part for part in parts}


def test_a_form_holds_the_audio_and_what_was_said_of_it(
    make_client: Callable[..., Client], note_json: Callable[..., dict[str, Any]]
) -> None:
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        request.read()
        requests.append(request)
        return httpx2.Response(503) if len(requests) == 1 else httpx2.Response(201, json=note_json())

    audio = io.BytesIO(b"audio")
    audio.name = 'a "note".wav'
    progress: list[tuple[int, int]] = []
    note = make_client(answer).recordings.upload(
        audio,
        via="form",
        custom_tags={"job": "7"},
        user_id="Zoë",
        language="en",
        idempotency_key="mine",
        on_progress=lambda sent, total: progress.append((sent, total)),
    )
    assert note.id == "rec_123"
    assert progress == [(0, 5), (5, 5)] * 2
    first, second = requests
    assert (second.method, second.url.path) == ("POST", "/v1/recordings")
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == "mine"
    parts = parts_of(second)
    texts = {name: cast("bytes", parts[name].get_payload(decode=True)).decode() for name in list(parts)[:-1]}
    assert texts == {"custom_tags": '{"job": "7"}', "user_id": "Zoë", "language": "en"}
    assert parts["file"].get_payload(decode=True) == b"audio"
    assert parts["file"].get_filename() == "a %22note%22.wav"


@given(name=st.text(min_size=1), value=st.text(), audio=st.binary(min_size=1))
def test_a_form_is_as_long_as_it_says(name: str, value: str, audio: bytes) -> None:
    file = io.BytesIO(audio)
    source = AudioSource(file, name=name, start=0, size_bytes=len(audio), on_progress=None)
    form = AudioForm(source, {"user_id": value})
    body = b"".join(form.chunks())
    assert len(body) == form.size_bytes
    assert body == b"".join(form.chunks())
    assert body.count(form.boundary.encode()) == 3


def test_a_key_of_ones_own_takes_a_conflict_for_what_was_done(
    make_client: Callable[..., Client], note_json: Callable[..., dict[str, Any]]
) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            assert request.headers["Idempotency-Key"] == "mine"
            return httpx2.Response(201, json={"voicenote_id": "n", "presigned_url": "https://s.example/o"})
        return httpx2.Response(409) if request.method == "PUT" else httpx2.Response(200, json=note_json())

    note = make_client(answer).voicenotes.upload(io.BytesIO(b"x"), idempotency_key="mine")
    assert note.id == "rec_123"
