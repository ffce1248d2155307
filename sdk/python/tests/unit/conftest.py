"""A client over canned answers, a clock that does not wait, and a small real server."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from vocafuse import AsyncClient, Client
from vocafuse._cli.app import app
from vocafuse._clock import AsyncClock, Clock

KEY, SECRET = "sk_test_abcdefghijklmnopqrstuv", "secret-that-nobody-may-see"
# The canned answers are those of a server that has no events: whoever waits asks for the note.
EVENTS_PATH = "/v1/events"
Handler = Callable[[httpx2.Request], httpx2.Response]


@dataclass
class FakeTime:
    """Moves only when somebody sleeps."""

    now_s: float = 0.0
    slept_s: list[float] = field(default_factory=list[float])

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@dataclass
class Received:
    """A request as the loopback server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client: tuple[str, int]


@dataclass
class Reply:
    """What the loopback server answers; `cut_after` closes the connection after so many body bytes."""

    status: int
    body: bytes
    cut_after: int | None


NO_EVENTS = Reply(404, b"{}", None)


@dataclass
class Server:
    """A real HTTP server on the loopback interface, which gives its replies in turn."""

    url: str = ""
    received: list[Received] = field(default_factory=list[Received])
    replies: list[Reply] = field(default_factory=list[Reply])

    def reply(self, wire: object = None, *, status: int = 200, cut_after: int | None = None) -> None:
        self.replies.append(Reply(status, json.dumps(wire).encode(), cut_after))


@pytest.fixture(autouse=True)
def data_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keeps the developer's own settings out of the tests."""
    for name in ("API_KEY", "API_SECRET", "BASE_URL"):
        monkeypatch.delenv(f"VOCAFUSE_{name}", raising=False)
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("VOCAFUSE_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def make_client(fake_time: FakeTime) -> Generator[Callable[..., Client], None, None]:
    """A client whose requests go to a handler, or one by one to a list of responses."""
    clients: list[Client] = []

    def make(answers: Handler | Sequence[httpx2.Response], **arguments: Any) -> Client:
        handler = answers if callable(answers) else _in_turn(answers)
        given: dict[str, Any] = {"api_key": KEY, "api_secret": SECRET, **arguments}
        given.setdefault("transport", httpx2.MockTransport(handler))
        clock = Clock(now_s=lambda: fake_time.now_s, sleep=fake_time.sleep)
        clients.append(Client(**given, _clock=clock, _jitter=lambda: 1.0))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
async def make_async_client(fake_time: FakeTime) -> AsyncGenerator[Callable[..., AsyncClient], None]:
    """The same for the async client."""
    clients: list[AsyncClient] = []

    async def sleep(seconds: float) -> None:
        fake_time.sleep(seconds)

    def make(answers: Handler | Sequence[httpx2.Response], **arguments: Any) -> AsyncClient:
        handler = answers if callable(answers) else _in_turn(answers)
        given: dict[str, Any] = {"api_key": KEY, "api_secret": SECRET, **arguments}
        given.setdefault("transport", httpx2.MockTransport(handler))
        clock = AsyncClock(now_s=lambda: fake_time.now_s, sleep=sleep)
        clients.append(AsyncClient(**given, _clock=clock, _jitter=lambda: 1.0))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


def _in_turn(responses: Sequence[httpx2.Response]) -> Handler:
    remaining = iter(responses)

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404) if request.url.path == EVENTS_PATH else next(remaining)

    return answer


@pytest.fixture
def server() -> Generator[Server, None, None]:
    """A server that keeps what it received."""
    state = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler_class(state))
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def _handler_class(state: Server) -> type[BaseHTTPRequestHandler]:
    class Scripted(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            reply = state.replies.pop(0) if self.path.split("?")[0] != EVENTS_PATH else NO_EVENTS
            length = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(length if reply.cut_after is None else reply.cut_after)
            headers = {name.lower(): value for name, value in self.headers.items()}
            if reply is not NO_EVENTS:
                state.received.append(Received(self.command, self.path, headers, body, self.client_address))
            if reply.cut_after is not None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing: the base class writes to stderr."""

    for method in ("GET", "PUT", "POST", "PATCH", "DELETE"):
        setattr(Scripted, f"do_{method}", Scripted.handle_any)
    return Scripted


@pytest.fixture
def note_json() -> Callable[..., dict[str, Any]]:
    """A note as the service sends it."""

    def make(**changes: Any) -> dict[str, Any]:
        note_id = changes.get("id", "rec_123")
        return {
            "id": note_id,
            "tenant_id": "63f8fa32-0740-4263-9bed-578156b3526b",
            "user_id": None,
            "original_filename": "voicenote.webm",
            "duration_seconds": 16.45,
            "status": "transcribed",
            "custom_tags": None,
            "created_at": "2025-10-06T17:33:31",
            "updated_at": "2025-10-06T17:33:45",
            "processed_at": None,
            "uri": f"/v1/voicenotes/{note_id}",
            **changes,
        }

    return make


@pytest.fixture
def transcription_json() -> dict[str, Any]:
    """A transcription as the service sends it."""
    return {
        "id": "b585a2af-56b3-435d-a51c-024d4cccfe0f",
        "voicenote_id": "rec_123",
        "text": "Hello world.",
        "confidence": 0.95,
        "language": "english",
        "words": '[{"word": "Hello", "start_time": 0.1, "end_time": 0.5, "confidence": 0.9}]',
        "segments": [{"start": 0.1, "end": 1.0, "text": "Hello world."}],
        "created_at": "2025-08-28T15:54:34",
        "updated_at": "2025-08-28T15:54:34",
        "uri": "/v1/voicenotes/rec_123/transcription",
    }


@pytest.fixture
def error_json() -> Callable[..., dict[str, Any]]:
    """An error body as the service sends it."""

    def make(code: int, kind: str, message: str, **details: Any) -> dict[str, Any]:
        return {
            "error": {
                "code": code,
                "name": "SOME_NAME",
                "type": kind,
                "message": message,
                "details": details,
                "request_id": "req_1",
            }
        }

    return make


@pytest.fixture
def run(server: Server, data_dir: Path) -> Callable[..., Result]:
    """Runs a command of which no output is a terminal."""
    pair = {"api_key": "sk_test_x", "api_secret": "hidden", "base_url": f"{server.url}/v1"}
    (data_dir / "credentials.json").write_text(json.dumps(pair))
    return lambda *arguments: CliRunner().invoke(app, arguments)


@pytest.fixture
def audio_file(tmp_path: Path) -> Path:
    path = tmp_path / "note.wav"
    path.write_bytes(b"RIFF")
    return path


@pytest.fixture
def uploading(server: Server, note_json: Callable[..., dict[str, Any]]) -> None:
    """The server is ready for one upload."""
    server.reply(note_json(status="processing"), status=201)
    server.reply(note_json(status="processing"))
