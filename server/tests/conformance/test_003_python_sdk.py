"""Document 003: the samples of the Python client library, as they are written, in real frameworks."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypedDict

import httpx2
import pytest
from support.listener import Received, listening
from support.wire import served

from conformance.promises import promise
from conformance.service import ApiUser, Service
from vocafuse import (
    AccessToken,
    AuthenticationError,
    Client,
    NotFoundError,
    RateLimitError,
    RequestValidator,
    ValidationError,
    VocaFuseError,
)
from vocafuse_server.accounts.models import Plan

SAMPLES = Path(__file__).with_name("samples")
TOKEN_PATH, HOOK_PATH = "/api/vocafuse-token", "/api/webhooks/vocafuse"
RECEIVED = {"status": "received"}


@dataclass(frozen=True)
class Told:
    """A tenant with a transcribed note, and the webhook that told of it.

    Attributes:
        environment: What the samples read from theirs.
    """

    note_id: str
    environment: dict[str, str]
    received: Received

    @property
    def signed(self) -> dict[str, str]:
        """The headers of a framework's test client."""
        return {
            "X-VocaFuse-Signature": self.received.headers["X-VocaFuse-Signature"],
            "Content-Type": "application/json",
        }


@pytest.fixture(scope="session")
async def base_url(running: Service) -> AsyncIterator[str]:
    """The service over HTTP: the samples choose no transport."""
    async with served(running.api.app, running.api.context.settings, started=True) as port:
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="session")
async def told(running: Service, base_url: str) -> Told:
    """Read by many tests, changed by none."""
    user = await running.new_user()
    with listening() as listener:
        webhook = await user.subscribe(listener.url)
        note = await user.upload()
        received = await running.told(listener)
    environment = environment_of(user, base_url)
    return Told(note["id"], {**environment, "VOCAFUSE_WEBHOOK_SECRET": webhook["secret"]}, received)


@pytest.fixture
def environment(told: Told, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The samples' own environment."""
    for name, value in told.environment.items():
        monkeypatch.setenv(name, value)
    return told.environment


def environment_of(user: ApiUser, base_url: str) -> dict[str, str]:
    return {
        "VOCAFUSE_API_KEY": user.headers["X-VocaFuse-API-Key"],
        "VOCAFUSE_API_SECRET": user.headers["X-VocaFuse-API-Secret"],
        "VOCAFUSE_BASE_URL": base_url,
    }


def run_sample(name: str, **given: object) -> dict[str, Any]:
    """What a published sample defines, when what it leaves to its reader is given."""
    names: dict[str, Any] = {"__name__": name, **given}
    path = SAMPLES / f"{name}.py"
    exec(compile(path.read_text(), str(path), "exec"), names)
    return names


class KeyPair(TypedDict):
    api_key: str
    api_secret: str


def key_pair(environment: dict[str, str]) -> KeyPair:
    return {"api_key": environment["VOCAFUSE_API_KEY"], "api_secret": environment["VOCAFUSE_API_SECRET"]}


async def in_thread(sample: Callable[..., Any], *given: Any) -> Any:
    """Runs sync code beside the service, which answers in this loop."""
    return await asyncio.to_thread(sample, *given)


@promise(
    "003",
    "Installation",
    "`vocafuse>=1.0.0` on Python 3.7 and later",
    deviation="version 0.x, from this repository, on Python 3.10 and later: older ones get no security fixes",
)
def test_installation() -> None:
    about = metadata.metadata("vocafuse")
    assert (about["Name"], about["Requires-Python"]) == ("vocafuse", ">=3.10")
    assert [need for need in metadata.requires("vocafuse") or [] if "extra" not in need] == ["httpx2>=2.14"]


@promise("003", "Quick Start", "List, get a note, get its transcription")
async def test_quick_start(told: Told, environment: dict[str, str]) -> None:
    def sample() -> None:
        client = Client(**key_pair(environment))
        voicenotes = client.voicenotes.list(limit=10)
        voicenote = client.voicenotes.get(told.note_id)
        transcription = client.voicenotes(told.note_id).transcription.get()
        assert [note["id"] for note in voicenotes] == [told.note_id]
        assert voicenote["id"] == transcription["voicenote_id"] == told.note_id
        assert "weather" in transcription["text"]

    await in_thread(sample)


@promise("003", "Authentication: Initialize Client", "Key and secret from the environment")
async def test_initialize_client(environment: dict[str, str]) -> None:
    def sample() -> int:
        client = Client(api_key=os.environ["VOCAFUSE_API_KEY"], api_secret=os.environ["VOCAFUSE_API_SECRET"])
        return client.voicenotes.list().total

    assert await in_thread(sample) == await in_thread(lambda: Client().voicenotes.list().total) == 1


@promise("003", "Authentication: Generate Access Tokens", "`AccessToken(…)(expires_in=3600)['token']` is one")
async def test_generate_access_tokens(environment: dict[str, str]) -> None:
    def sample() -> str:
        token = AccessToken(**key_pair(environment), identity="user_12345")
        result = token(expires_in=3600)
        return str(result["token"])

    await assert_speaks_for_a_user(environment, await in_thread(sample))


async def assert_speaks_for_a_user(environment: dict[str, str], token: str) -> None:
    """Its user has no notes, while the tenant has one."""
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as front_end:
        answer = await front_end.get(f"{environment['VOCAFUSE_BASE_URL']}/voicenotes")
    assert (answer.status_code, answer.json()["total"]) == (200, 0)


@promise("003", "Working with the API", "Voice notes: list by status, get, transcription, delete")
async def test_working_with_voice_notes(running: Service, base_url: str) -> None:
    user = await running.new_user()
    note_id = (await user.upload())["id"]
    await running.work()

    def sample() -> None:
        with Client(**key_pair(environment_of(user, base_url)), base_url=base_url) as client:
            voicenotes = client.voicenotes.list(limit=10, status="transcribed")
            voicenote = client.voicenotes.get(note_id)
            transcription = client.voicenotes(note_id).transcription.get()
            client.voicenotes(note_id).delete()
            assert [note.id for note in voicenotes] == [voicenote.id]
            assert transcription.text
            assert client.voicenotes.list().total == 0

    await in_thread(sample)


@promise("003", "Working with the API", "Webhooks: create, list, delete")
async def test_working_with_webhooks(running: Service, base_url: str) -> None:
    user = await running.new_user()

    def sample() -> None:
        with Client(**key_pair(environment_of(user, base_url)), base_url=base_url) as client:
            webhook = client.webhooks.create(
                url="https://93.184.215.14/webhook", events=["voicenote.transcribed"]
            )
            webhooks = client.webhooks.list()
            client.webhooks(webhook.id).delete()
            assert [known["id"] for known in webhooks["webhooks"]] == [webhook["id"]]
            assert client.webhooks.list().total == 0

    await in_thread(sample)


@promise(
    "003", "Webhook Signature Validation", "A Flask app tells what the service sent from what it did not"
)
async def test_webhook_signature_validation(told: Told, environment: dict[str, str]) -> None:
    def sample() -> None:
        names = run_sample("webhook_app")
        secret = told.environment["VOCAFUSE_WEBHOOK_SECRET"]
        hook = names["app"].test_client()
        assert (
            hook.post("/webhooks/vocafuse", data=told.received.body, headers=told.signed).status_code == 401
        )
        names["validator"] = RequestValidator(secret)
        answer = hook.post("/webhooks/vocafuse", data=told.received.body, headers=told.signed)
        assert (answer.status_code, answer.json) == (200, RECEIVED)

    await in_thread(sample)


@promise("003", "Configuration: Timeout", "`timeout=30` is in seconds")
async def test_timeout(environment: dict[str, str]) -> None:
    client = Client(**key_pair(environment), timeout=30)
    assert (await in_thread(client.voicenotes.list)).total == 1
    hasty = Client(**key_pair(environment), timeout=1e-6, max_retries=0)
    with pytest.raises(VocaFuseError, match="did not answer in time"):
        await in_thread(hasty.voicenotes.list)


@promise("003", "Configuration: Retry Configuration", "`max_retries=3, retry_delay=1.0`; 429 is tried again")
async def test_retry_configuration(running: Service, base_url: str) -> None:
    free = await running.new_user(plan=Plan.FREE)
    client = Client(
        **key_pair(environment_of(free, base_url)), base_url=base_url, max_retries=3, retry_delay=1.0
    )
    assert (await in_thread(client.voicenotes.list)).total == 0
    once = Client(**key_pair(environment_of(free, base_url)), base_url=base_url, max_retries=0)
    with pytest.raises(RateLimitError) as caught:
        await in_thread(lambda: [once.voicenotes.list() for _ in range(30)])
    assert caught.value.retry_after > 0


@promise("003", "Configuration: Debug Logging", "`debug=True` logs each request, and no secret")
async def test_debug_logging(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(**key_pair(environment), debug=True)
    await in_thread(client.voicenotes.list)
    assert "GET /v1/voicenotes: 200" in caplog.text
    assert environment["VOCAFUSE_API_SECRET"] not in caplog.text


@promise("003", "Error Handling", "Each kind of error is caught by its class, and all by `VocaFuseError`")
async def test_error_handling(environment: dict[str, str]) -> None:
    def sample(client: Client) -> str:
        try:
            client.voicenotes.get("rec_123")
        except AuthenticationError:
            return "Invalid API credentials"
        except RateLimitError as e:
            return f"Rate limited. Retry after {e.retry_after} seconds"
        except VocaFuseError as e:
            return f"API error: {e.message}"
        return ""

    assert await in_thread(sample, Client(**key_pair(environment))) == "API error: Voice note not found"
    stranger = Client(api_key="sk_live_" + "x" * 22, api_secret="y" * 43)
    assert await in_thread(sample, stranger) == "Invalid API credentials"


@promise("003", "Error Handling: Exception Types", "ValidationError and NotFoundError, under VocaFuseError")
async def test_exception_types(environment: dict[str, str]) -> None:
    client = Client(**key_pair(environment))
    calls: list[tuple[Callable[[], object], type[VocaFuseError]]] = [
        (lambda: client.voicenotes.list(limit=1000), ValidationError),
        (lambda: client.voicenotes.get("rec_123"), NotFoundError),
    ]
    for call, expected in calls:
        with pytest.raises(expected) as caught:
            await in_thread(call)
        assert caught.value.request_id
    assert all(issubclass(kind, VocaFuseError) for kind in (AuthenticationError, RateLimitError))


@promise("003", "Framework Integration: Flask", "Tokens for the front end, and webhooks")
async def test_flask(told: Told, environment: dict[str, str]) -> None:
    def sample() -> str:
        app = run_sample("flask_app", get_current_user=lambda: 12345)["app"]
        front, tampered = app.test_client(), told.received.body + b" "
        assert front.post(HOOK_PATH, data=tampered, headers=told.signed).status_code == 401
        answer = front.post(HOOK_PATH, data=told.received.body, headers=told.signed)
        assert (answer.status_code, answer.json) == (200, RECEIVED)
        return str(front.post(TOKEN_PATH).json["data"]["id_token"])

    await assert_speaks_for_a_user(environment, await in_thread(sample))


@promise(
    "003",
    "Framework Integration: Django",
    "Tokens for the front end, and webhooks",
    deviation="the sample lacks its `import json`",
)
async def test_django(told: Told, environment: dict[str, str]) -> None:
    # Django has no types.
    settings: Any = import_module("django.conf").settings
    requests: Any = import_module("django.test").RequestFactory()
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of-the-tests")

    def sample() -> str:
        views = run_sample("django_views", json=json)
        for body, status in ((told.received.body + b" ", 401), (told.received.body, 200)):
            posted = requests.post(HOOK_PATH, body, headers=told.signed, content_type="application/json")
            answer = views["handle_webhook"](posted)
            assert answer.status_code == status
        assert json.loads(answer.content) == RECEIVED
        asked = requests.post(TOKEN_PATH)
        asked.user = SimpleNamespace(id=12345)
        return str(json.loads(views["generate_token"](asked).content)["data"]["id_token"])

    await assert_speaks_for_a_user(environment, await in_thread(sample))


@promise("003", "Framework Integration: FastAPI", "Tokens for the front end, and webhooks")
async def test_fastapi(told: Told, environment: dict[str, str]) -> None:
    def user_of(request: object) -> int:
        return 12345

    async def sample() -> str:
        app = run_sample("fastapi_app", get_current_user=user_of)["app"]
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as front:
            for body, status in ((told.received.body + b" ", 401), (told.received.body, 200)):
                answer = await front.post(HOOK_PATH, content=body, headers=told.signed)
                assert answer.status_code == status
            assert answer.json() == RECEIVED
            return str((await front.post(TOKEN_PATH)).json()["data"]["id_token"])

    # In a loop of its own: the sample's handler waits for the service, which answers in this one.
    await assert_speaks_for_a_user(environment, await in_thread(asyncio.run, sample()))
