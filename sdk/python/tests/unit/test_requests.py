"""Which request each method sends, from both clients."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import date, datetime, timezone
from typing import Any

import httpx2
import pytest

from vocafuse import AsyncClient, Client, ValidationError

CASES: list[tuple[Callable[[Any], Any], str, str, object]] = [
    (
        lambda client: client.voicenotes.list(
            q="budget", sort="relevance", custom_tags={"job": "7"}, user_id="u"
        ),
        "GET",
        "/v1/voicenotes?q=budget&sort=relevance&user_id=u&tag.job=7",
        None,
    ),
    (
        lambda client: client.recordings.list(page=2, date_from=date(2026, 1, 2), date_to="2026-01-03"),
        "GET",
        "/v1/recordings?page=2&date_from=2026-01-02&date_to=2026-01-03",
        None,
    ),
    (
        lambda client: client.voicenotes("n").update(title="New", tags=("a", "b"), custom_tags={}),
        "PATCH",
        "/v1/voicenotes/n",
        {"title": "New", "tags": ["a", "b"], "custom_tags": {}},
    ),
    (lambda client: client.recordings.update("n", title=""), "PATCH", "/v1/recordings/n", {"title": ""}),
    (
        lambda client: client.voicenotes("n").delete(undo_seconds=30),
        "DELETE",
        "/v1/voicenotes/n?undo_seconds=30",
        None,
    ),
    (lambda client: client.voicenotes("n").restore(), "POST", "/v1/voicenotes/n/restore", None),
    (
        lambda client: client.voicenotes("n").transcription.export("srt"),
        "GET",
        "/v1/voicenotes/n/transcription?format=srt",
        None,
    ),
    (
        lambda client: client.webhooks("w").update(status="active", events=["voicenote.failed"]),
        "PUT",
        "/v1/webhooks/w",
        {"events": ["voicenote.failed"], "status": "active"},
    ),
    (lambda client: client.webhooks("w").test(), "POST", "/v1/webhooks/w/test", {}),
    (
        lambda client: client.webhooks("w").rotate_secret(secret="whsec_x"),
        "POST",
        "/v1/webhooks/w/rotate-secret",
        {"secret": "whsec_x"},
    ),
    (
        lambda client: client.webhooks("w").deliveries.list(status="failed", limit=5),
        "GET",
        "/v1/webhooks/w/deliveries?limit=5&status=failed",
        None,
    ),
    (lambda client: client.webhooks("w").deliveries.get("d"), "GET", "/v1/webhooks/w/deliveries/d", None),
    (
        lambda client: client.webhooks("a/b").deliveries.redeliver("d"),
        "POST",
        "/v1/webhooks/a%2Fb/deliveries/d/redeliver",
        None,
    ),
    (
        lambda client: client.webhooks("w").deliveries.redeliver_failed(
            since=datetime(2026, 1, 2, 3, tzinfo=timezone.utc)
        ),
        "POST",
        "/v1/webhooks/w/redeliver",
        {"since": "2026-01-02T03:00:00"},
    ),
    (
        lambda client: client.api_keys.create(
            name="CI", scopes=("voicenotes:read",), expires_at=date(2027, 1, 1)
        ),
        "POST",
        "/v1/account/api-keys",
        {"name": "CI", "scopes": ["voicenotes:read"], "expires_at": "2027-01-01"},
    ),
    (
        lambda client: client.api_keys.list(status="revoked"),
        "GET",
        "/v1/account/api-keys?status=revoked",
        None,
    ),
    (lambda client: client.api_keys("k").get(), "GET", "/v1/account/api-keys/k", None),
    (lambda client: client.api_keys("k").delete(), "DELETE", "/v1/account/api-keys/k", None),
    (lambda client: client.account.get(), "GET", "/v1/account", None),
    (
        lambda client: client.account.update(email="", settings={"color": None}),
        "PUT",
        "/v1/account",
        {"email": "", "settings": {"color": None}},
    ),
    (lambda client: client.account.usage(days=7), "GET", "/v1/account/usage?days=7", None),
]


def seen(request: httpx2.Request) -> tuple[str, str, object]:
    body = json.loads(request.content) if request.content else None
    return request.method, request.url.raw_path.decode(), body


@pytest.mark.parametrize(("call", "method", "target", "body"), CASES)
async def test_what_is_sent(
    make_client: Callable[..., Client],
    make_async_client: Callable[..., AsyncClient],
    call: Callable[[Any], Any],
    method: str,
    target: str,
    body: object,
) -> None:
    sent: list[tuple[str, str, object]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(seen(request))
        return httpx2.Response(200, json={"id": "x", "days": []})

    call(make_client(answer))
    result = call(make_async_client(answer))
    assert inspect.isawaitable(result)
    await result
    assert sent == [(method, target, body)] * 2


def test_a_note_made_from_a_url_goes_by_the_second_api(make_client: Callable[..., Client]) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        if request.url.path == "/api/v2/voice-notes":
            return httpx2.Response(201, json={"success": True, "voiceNote": {"id": "n"}})
        return httpx2.Response(200, json={"id": "n", "status": "processing"})

    client = make_client(answer)
    note = client.voicenotes.create_from_url("https://example.com/a.webm", title="Retro", tags=["x"])
    assert (note.id, note.status) == ("n", "processing")
    assert [seen(request) for request in sent] == [
        (
            "POST",
            "/api/v2/voice-notes",
            {"audioUrl": "https://example.com/a.webm", "title": "Retro", "tags": ["x"]},
        ),
        ("POST", "/api/v2/voice-notes/n/transcribe", None),
        ("GET", "/v1/voicenotes/n", None),
    ]
    assert sent[0].headers["Authorization"].startswith("Bearer sk_test_")
    assert "X-VocaFuse-API-Secret" not in sent[0].headers
    assert "X-VocaFuse-API-Secret" in sent[2].headers


def test_the_second_api_is_beside_the_first_or_not_found(make_client: Callable[..., Client]) -> None:
    client = make_client([], base_url="https://notes.example/some/path")
    with pytest.raises(ValidationError, match="ends in /v1"):
        client.voicenotes.create_from_url("https://example.com/a.webm")


NOT_REPEATED: list[Callable[[Client], object]] = [
    lambda client: client.api_keys.create(),
    lambda client: client.webhooks("w").deliveries.redeliver("d"),
    lambda client: client.webhooks("w").deliveries.redeliver_failed(since="2026-01-01"),
]


@pytest.mark.parametrize("call", NOT_REPEATED)
def test_what_would_be_done_twice_is_not_repeated(
    make_client: Callable[..., Client], call: Callable[[Client], object]
) -> None:
    sent: list[str] = []

    def fail(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.url.path)
        raise httpx2.ReadError("cut")

    with pytest.raises(ConnectionError):
        call(make_client(fail))
    assert len(sent) == 1


def test_secrets_that_are_shown_once_are_in_no_repr(make_client: Callable[..., Client]) -> None:
    made = {"id": "k", "name": "CI", "api_key": "sk_live_hidden", "api_secret": "hidden", "expires_at": None}
    key = make_client([httpx2.Response(201, json=made)]).api_keys.create(name="CI")
    assert (key.api_key, key.api_secret, key.expires_at) == ("sk_live_hidden", "hidden", None)
    assert "hidden" not in repr(key)


def test_what_comes_back_is_typed(make_client: Callable[..., Client]) -> None:
    usage = {
        "recordings_count": 1,
        "voicenotes_count": 1,
        "total_duration_seconds": 2.5,
        "storage_used_bytes": 9,
    }
    attempt = {"number": 1, "status_code": 500, "duration_ms": 12, "created_at": "2026-01-01T00:00:00"}
    delivery = {"id": "d", "status": "failed", "attempts": [attempt], "next_attempt_at": None}
    client = make_client(
        [
            httpx2.Response(200, json={"id": "a", "usage": {"current_month": usage}}),
            httpx2.Response(200, json={"days": [{"date": "2026-01-02", **usage}]}),
            httpx2.Response(200, json={"deliveries": [delivery], "next_page_uri": None}),
        ]
    )
    assert client.account.get().usage.current_month.total_duration_seconds == 2.5
    [day] = client.account.usage()
    assert (day.date, day.voicenotes_count, day["date"]) == (date(2026, 1, 2), 1, "2026-01-02")
    [failed] = client.webhooks("w").deliveries.list_all()
    assert (failed.attempts[0].status_code, failed.next_attempt_at, failed.payload) == (500, None, None)
    assert failed.attempts[0].created_at == datetime(2026, 1, 1, tzinfo=timezone.utc)
