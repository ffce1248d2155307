"""The published samples, as they are written there, against canned answers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from vocafuse import AccessToken, AuthenticationError, Client, RateLimitError, RequestValidator, VocaFuseError

Answers = Callable[[httpx2.Request], httpx2.Response]
MakeClient = Callable[..., Client]
Json = dict[str, Any]


def test_quick_start(
    make_client: MakeClient, note_json: Callable[..., Json], transcription_json: Json
) -> None:
    sent: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(f"{request.method} {request.url.raw_path.decode()}")
        if request.method == "DELETE":
            return httpx2.Response(204)
        if request.url.path.endswith("/transcription"):
            return httpx2.Response(200, json=transcription_json)
        if request.url.path.endswith("/rec_123"):
            return httpx2.Response(200, json=note_json())
        return httpx2.Response(200, json={"voicenotes": [note_json()], "next_page_uri": None, "total": 1})

    client = make_client(answer)
    voicenotes = client.voicenotes.list(limit=10, status="transcribed")
    assert [record.id for record in voicenotes] == ["rec_123"]
    assert client.voicenotes.get("rec_123")["id"] == "rec_123"
    assert client.voicenotes("rec_123").transcription.get().text == "Hello world."
    client.voicenotes("rec_123").delete()
    assert sent == [
        "GET /v1/voicenotes?limit=10&status=transcribed",
        "GET /v1/voicenotes/rec_123",
        "GET /v1/voicenotes/rec_123/transcription",
        "DELETE /v1/voicenotes/rec_123",
    ]


def test_older_spelling(make_client: MakeClient, note_json: Callable[..., Json]) -> None:
    page = {"recordings": [note_json()], "next_page_uri": None, "total": 1}
    client = make_client([httpx2.Response(200, json=page)])
    assert [record.id for record in client.recordings.list(limit=10)] == ["rec_123"]


def test_webhooks(make_client: MakeClient) -> None:
    webhook = {"id": "webhook_123", "url": "https://example.com/webhook", "events": ["voicenote.transcribed"]}
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        if request.method == "POST":
            return httpx2.Response(201, json={**webhook, "secret": "whsec_hidden"})
        if request.method == "DELETE":
            return httpx2.Response(204)
        return httpx2.Response(200, json={"webhooks": [webhook], "next_page_uri": None, "total": 1})

    client = make_client(answer)
    created = client.webhooks.create(url="https://example.com/webhook", events=["voicenote.transcribed"])
    assert created.secret == "whsec_hidden"
    assert "whsec_hidden" not in repr(created)
    assert [found.id for found in client.webhooks.list()] == ["webhook_123"]
    client.webhooks("webhook_123").delete()
    assert json.loads(requests[0].content) == {
        "url": "https://example.com/webhook",
        "events": ["voicenote.transcribed"],
    }
    assert requests[2].url.path == "/v1/webhooks/webhook_123"


def test_access_token_returns_the_body_unchanged() -> None:
    body = {"success": True, "token": "T", "data": {"id_token": "T", "expires_in": 3600}}
    requests: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json=body)

    token = AccessToken(
        api_key="sk_live_...",
        api_secret="...",
        identity="user_12345",
        transport=httpx2.MockTransport(answer),
    )
    result = token(expires_in=3600)
    assert result["token"] == "T"
    assert json.loads(json.dumps(result)) == body
    assert token(expires_in=60, scopes=["voicenotes:read"]) == body
    assert [json.loads(request.content) for request in requests] == [
        {"user_id": "user_12345", "expires_in": 3600},
        {"user_id": "user_12345", "expires_in": 60, "scopes": ["voicenotes:read"]},
    ]
    assert requests[0].headers["X-VocaFuse-API-Key"] == "sk_live_..."


def test_webhook_signature() -> None:
    payload = '{"event": "voicenote.transcribed"}'
    signature = hmac.new(b"your_webhook_secret", payload.encode(), hashlib.sha256).hexdigest()
    assert RequestValidator("your_webhook_secret").validate(payload, f"sha256={signature}")


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [(401, "AuthenticationError", "credentials"), (429, "RateLimitError", "after 0"), (500, "", "crashed")],
)
def test_error_handling(
    make_client: MakeClient, error_json: Callable[..., Json], status: int, kind: str, expected: str
) -> None:
    body = error_json(1, kind, "crashed", retry_after=0)
    client = make_client([httpx2.Response(status, json=body)], max_retries=0)
    try:
        client.voicenotes.get("rec_123")
    except AuthenticationError:
        said = "Invalid API credentials"
    except RateLimitError as e:
        said = f"Rate limited. Retry after {e.retry_after} seconds"
    except VocaFuseError as e:
        said = f"API error: {e.message}"
    else:
        said = ""
    assert expected in said


def test_manual_and_automatic_pagination(make_client: MakeClient, note_json: Callable[..., Json]) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        page = int(request.url.params.get("page", "0"))
        # Another host in the URI: the client must stay with its own.
        following = f"https://elsewhere.example/v1/voicenotes?page={page + 1}&limit=1&status=failed"
        return httpx2.Response(
            200,
            json={
                "voicenotes": [note_json(id=f"n{page}")],
                "next_page_uri": following if page < 2 else None,
                "previous_page_uri": None,
                "page": page,
                "page_size": 1,
                "total": 3,
            },
        )

    client = make_client(answer)
    seen: list[str] = []
    page = 0
    while True:
        response = client.voicenotes.list(page=page, limit=50)
        seen.extend(voicenote["id"] for voicenote in response["voicenotes"])
        if response["next_page_uri"] is None:
            break
        page += 1
    assert seen == ["n0", "n1", "n2"]

    asked.clear()
    notes = client.voicenotes.list_all(limit=1, status="failed")
    assert asked == []
    assert next(notes)["id"] == "n0"
    assert asked == ["limit=1&status=failed"]
    assert [note.id for note in notes] == ["n1", "n2"]
    assert asked[1:] == ["page=1&limit=1&status=failed", "page=2&limit=1&status=failed"]
