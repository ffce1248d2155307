"""Errors, retries and secrets, through the client."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    AuthorizationError,
    Client,
    ConflictError,
    NotFoundError,
    RateLimitError,
    ServerError,
    TranscriptionFailedError,
    ValidationError,
    VocaFuseError,
    WaitTimeoutError,
)
from vocafuse._answers import Answer, error_for_answer

if TYPE_CHECKING:
    from conftest import FakeTime, Server

MakeClient = Callable[..., Client]
ErrorJson = Callable[..., dict[str, Any]]
NoteJson = Callable[..., dict[str, Any]]
SECRET = "secret-that-nobody-may-see"


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (401, "AuthenticationError", AuthenticationError),
        (403, "AuthorizationError", AuthorizationError),
        (400, "ValidationError", ValidationError),
        (413, "", ValidationError),
        (405, "Unheard", ValidationError),
        (404, "NotFoundError", NotFoundError),
        (404, None, NotFoundError),
        (409, "ConflictError", ConflictError),
        (429, "RateLimitError", RateLimitError),
        (503, "ServerError", ServerError),
        (302, "", VocaFuseError),
        (418, "ConflictError", ConflictError),
    ],
)
def test_the_class_of_an_error(
    make_client: MakeClient, error_json: ErrorJson, status: int, kind: Any, expected: type[VocaFuseError]
) -> None:
    body = error_json(3001, kind, "Voice note not found", field="id")
    client = make_client([httpx2.Response(status, json=body)], max_retries=0)
    with pytest.raises(VocaFuseError) as caught:
        client.voicenotes.get("rec_123")
    error = caught.value
    assert type(error) is expected
    assert (error.message, error.status_code, error.code) == ("Voice note not found", status, 3001)
    assert (error.details, error.request_id) == ({"field": "id"}, "req_1")
    assert str(error) == f"Voice note not found (HTTP {status}, code 3001, request req_1)"
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.message, copied.code) == (expected, error.message, 3001)


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx2.Response(502, html="<h1>nginx</h1>"), "The server answered 502 Bad Gateway"),
        (httpx2.Response(502, text="no\n upstream"), "The server answered 502 Bad Gateway: no upstream"),
        (httpx2.Response(599), "The server answered 599"),
        (
            httpx2.Response(404, json={"success": False, "error": "Voice note not found"}),
            "Voice note not found",
        ),
        (httpx2.Response(404, json=["odd"]), "The server answered 404 Not Found"),
        (
            httpx2.Response(404, json={"error": {"message": 5, "details": 5}}),
            "The server answered 404 Not Found",
        ),
    ],
)
def test_errors_in_other_forms(make_client: MakeClient, response: httpx2.Response, message: str) -> None:
    response.headers["X-Request-Id"] = "req_2"
    with pytest.raises(VocaFuseError) as caught:
        make_client([response], max_retries=0).voicenotes.list()
    assert (caught.value.message, caught.value.request_id) == (message, "req_2")


@given(status=st.integers(300, 999), body=st.binary(), retry_after=st.text(max_size=20))
def test_no_answer_is_too_strange_for_an_error(status: int, body: bytes, retry_after: str) -> None:
    error = error_for_answer(Answer(status, {"retry-after": retry_after}, body))
    assert error.message
    assert error.status_code == status


def test_success_without_json(make_client: MakeClient) -> None:
    with pytest.raises(VocaFuseError, match="base_url"):
        make_client([httpx2.Response(200, html="<h1>Welcome</h1>")]).voicenotes.list()


@pytest.mark.parametrize(
    ("headers", "details", "expected"),
    [({"Retry-After": "7"}, {"retry_after": 60}, 7), ({}, {"retry_after": 42}, 42), ({}, {}, 60)],
)
def test_retry_after_is_always_a_number(
    make_client: MakeClient,
    error_json: ErrorJson,
    headers: dict[str, str],
    details: dict[str, int],
    expected: int,
) -> None:
    body = error_json(4003, "RateLimitError", "Slow down", **details)
    client = make_client([httpx2.Response(429, headers=headers, json=body)], max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        client.voicenotes.list()
    assert caught.value.retry_after == expected


def test_a_call_is_retried_with_growing_pauses(
    make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    answers = [
        httpx2.Response(503),
        httpx2.Response(429, headers={"Retry-After": "17"}),
        httpx2.Response(500),
        httpx2.Response(200, json=note_json()),
    ]
    assert make_client(answers).voicenotes.get("rec_123").id == "rec_123"
    assert fake_time.slept_s == [1.0, 17, 4.0]


def test_retries_end(make_client: MakeClient, fake_time: FakeTime) -> None:
    client = make_client([httpx2.Response(503)] * 3, max_retries=2, retry_delay=0.5)
    with pytest.raises(ServerError):
        client.voicenotes.get("rec_123")
    assert fake_time.slept_s == [0.5, 1.0]


def test_creating_a_webhook_is_repeated_with_one_key(make_client: MakeClient) -> None:
    keys: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        keys.append(request.headers["Idempotency-Key"])
        return httpx2.Response(503) if len(keys) % 2 else httpx2.Response(201, json={"id": "webhook_1"})

    client = make_client(answer)
    for _ in range(2):
        client.webhooks.create(url="https://example.com", events=["voicenote.failed"])
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_deleting_counts_as_done_when_an_earlier_try_may_have_done_it(make_client: MakeClient) -> None:
    make_client([httpx2.Response(502), httpx2.Response(404)]).voicenotes.delete("rec_123")
    for answers in ([httpx2.Response(404)], [httpx2.Response(429), httpx2.Response(404)]):
        with pytest.raises(NotFoundError):
            make_client(answers).voicenotes("rec_123").delete()


@pytest.mark.parametrize(
    ("raised", "expected", "builtin"),
    [
        (httpx2.ReadTimeout("slow"), APITimeoutError, TimeoutError),
        (httpx2.ConnectError("refused"), APIConnectionError, ConnectionError),
        (httpx2.RemoteProtocolError("cut"), APIConnectionError, ConnectionError),
    ],
)
def test_transport_errors(
    make_client: MakeClient,
    fake_time: FakeTime,
    raised: Exception,
    expected: type[Exception],
    builtin: type[Exception],
) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise raised

    with pytest.raises(expected, match=r"http://127\.0\.0\.1:8000") as caught:
        make_client(fail).voicenotes.list()
    assert isinstance(caught.value, builtin)
    assert caught.value.__cause__ is raised
    assert len(fake_time.slept_s) == 3


def test_requests_that_cannot_be_sent_are_not_repeated(make_client: MakeClient, fake_time: FakeTime) -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.LocalProtocolError("odd")

    with pytest.raises(APIConnectionError, match="cannot be sent"):
        make_client(fail).voicenotes.list()
    assert fake_time.slept_s == []


@pytest.mark.parametrize("item_id", ["", ".", ".."])
def test_what_is_not_an_id(make_client: MakeClient, item_id: str) -> None:
    with pytest.raises(ValidationError):
        make_client([]).voicenotes.get(item_id)


def test_ids_cannot_leave_their_place(make_client: MakeClient, note_json: NoteJson) -> None:
    paths: list[bytes] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.raw_path)
        return httpx2.Response(200, json=note_json())

    make_client(answer).voicenotes.get("../account?x=1#y")
    assert paths == [b"/v1/voicenotes/..%2Faccount%3Fx%3D1%23y"]


def test_wait_polls_more_and_more_slowly(
    make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    states = ["created", *["processing"] * 9, "transcribed"]
    client = make_client([httpx2.Response(200, json=note_json(status=state)) for state in states])
    assert client.voicenotes.wait("rec_123").status == "transcribed"
    assert fake_time.slept_s[0] == 0.1
    assert fake_time.slept_s == sorted(fake_time.slept_s)
    assert fake_time.slept_s[-1] == 1.0


def test_wait_gives_up_in_time(make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson) -> None:
    client = make_client([httpx2.Response(200, json=note_json(status="processing"))] * 20)
    with pytest.raises(WaitTimeoutError, match="rec_123 is not transcribed after 5 s") as caught:
        client.voicenotes.wait("rec_123", timeout=5)
    assert isinstance(caught.value, TimeoutError)
    assert fake_time.now_s == pytest.approx(5)


@pytest.mark.parametrize(("code", "message"), [(3003, "No speech model"), (3002, "The transcription of")])
def test_wait_says_why_it_failed(
    make_client: MakeClient, note_json: NoteJson, error_json: ErrorJson, code: int, message: str
) -> None:
    reason = error_json(code, "NotFoundError", "No speech model")
    answers = [httpx2.Response(200, json=note_json(status="failed")), httpx2.Response(404, json=reason)]
    with pytest.raises(TranscriptionFailedError, match=message):
        make_client(answers).voicenotes.wait("rec_123")


def test_debug_log(make_client: MakeClient, note_json: NoteJson, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        httpx2.Response(503),
        httpx2.Response(200, json=note_json(), headers={"X-Request-Id": "req_9"}),
    ]
    make_client(answers, debug=True).voicenotes.get("rec_123")
    lines = [record.getMessage() for record in caplog.records if record.name == "vocafuse"]
    assert lines == [
        "GET /v1/voicenotes/rec_123: 503, request None in 0 ms",
        "GET /v1/voicenotes/rec_123: 200, request req_9 in 0 ms",
    ]
    caplog.clear()
    make_client([httpx2.Response(200, json=note_json())]).voicenotes.get("rec_123")
    assert not [record for record in caplog.records if record.name == "vocafuse"]


def test_secrets_stay_out_of_sight(
    make_client: MakeClient, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    server.reply({"error": {"message": "no"}}, status=401)
    base_url = f"{server.url}/v1"
    client = make_client([], base_url=base_url, transport=httpx2.HTTPTransport(), debug=True)
    with pytest.raises(AuthenticationError) as caught:
        client.voicenotes.list()
    assert server.received[0].headers["x-vocafuse-api-secret"] == SECRET
    seen = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    seen += "".join(map(repr, (client, client.voicenotes, client.webhooks, client.voicenotes("x"))))
    assert "GET /v1/voicenotes" in seen
    assert SECRET not in seen


def test_one_client_serves_many_threads(make_client: MakeClient, note_json: NoteJson) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json=note_json(id=request.url.path.rpartition("/")[2]))

    client = make_client(answer)
    ids = [f"n{number}" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        assert [note.id for note in pool.map(client.voicenotes.get, ids)] == ids


def test_connections_are_reused(make_client: MakeClient, server: Server, note_json: NoteJson) -> None:
    with Client("key", "secret", f"{server.url}/v1") as client:
        for _ in range(3):
            server.reply(note_json())
            client.voicenotes.get("rec_123")
    ports = {json.dumps(request.client) for request in server.received}
    assert len(ports) == 1
    with pytest.raises(RuntimeError, match="closed"):
        client.voicenotes.list()
