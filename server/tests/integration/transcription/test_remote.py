"""The engine `openai` against a real HTTP server that speaks that API."""

import asyncio
import io
import json
import threading
import traceback
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from pydantic import SecretStr
from support.app import Account, Api, SettableClock

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.core.ids import NoteId, parse_uuid
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.transcription.engine import (
    SAMPLE_RATE,
    Samples,
    TranscribeOptions,
    TranscriptionError,
    UnknownLanguage,
)
from vocafuse_server.transcription.remote import MAX_ANSWER_BYTES, MAX_MESSAGE_LENGTH, MAX_TRIES, RemoteEngine

KEY = "sk-test-0123456789"
CLIP = Path(__file__).parents[2] / "audio" / "whats-the-weather-like.wav"
TEXT = "What's the weather like?"
ANSWER: dict[str, object] = {
    "task": "transcribe",
    "language": "english",
    "duration": 2.0,
    "text": f" {TEXT}",
    "segments": [{"id": 0, "start": 0.0, "end": 30.0, "text": f" {TEXT}", "avg_logprob": -0.1}],
    "words": [
        {"word": "What's", "start": 0.1, "end": 0.4},
        {"word": "the", "start": 0.4, "end": 0.5},
        {"word": "weather", "start": 0.5, "end": 0.9},
        {"word": "like", "start": 0.9, "end": 31.0},
    ],
}


@dataclass(frozen=True)
class Request:
    """What came to the server: the fields of the form, each with all of its values."""

    path: str
    headers: dict[str, str]
    fields: dict[str, list[bytes]]


@dataclass(frozen=True)
class Reply:
    """What the server answers. One that hangs answers nothing before the test is over."""

    status: int = 200
    body: bytes = json.dumps(ANSWER).encode()
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hangs: bool = False


def refusal(status: int, message: object, **headers: str) -> Reply:
    return Reply(status, json.dumps({"error": {"message": message, "type": "x"}}).encode(), headers)


@dataclass
class Server:
    """Answers with `replies` in turn, then with the transcription."""

    base_url: str
    replies: list[Reply] = field(default_factory=list[Reply])
    requests: list[Request] = field(default_factory=list[Request])
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


def form_fields(content_type: str, body: bytes) -> dict[str, list[bytes]]:
    """The parts of a multipart form, which has no nested ones and no encodings (RFC 7578)."""
    boundary = content_type.partition("boundary=")[2].encode()
    found: dict[str, list[bytes]] = {}
    *parts, end = (b"\r\n" + body).split(b"\r\n--" + boundary)
    assert (parts[0], end) == (b"", b"--\r\n")
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.partition(b'name="')[2].partition(b'"')[0].decode()
        found.setdefault(name, []).append(content)
    return found


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fields = form_fields(self.headers["Content-Type"], body)
            found.requests.append(Request(self.path, dict(self.headers.items()), fields))
            reply = found.replies.pop(0) if found.replies else Reply()
            found.arrived.set()
            if reply.hangs:
                found.released.wait(30)
            try:
                self._answer(reply)
            except ConnectionError:
                self.close_connection = True  # The engine had enough.

        def _answer(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    found = Server(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.released.set()
    http.shutdown()
    http.server_close()
    thread.join()


class MakeEngine(Protocol):
    def __call__(self, *, timeout_s: float = 10, api_key: str | None = KEY) -> RemoteEngine: ...


@pytest.fixture
def waits() -> list[float]:
    """How long was waited before other tries; nothing really waits."""
    return []


@pytest.fixture
async def make_engine(server: Server, waits: list[float]) -> AsyncIterator[MakeEngine]:
    engines: list[RemoteEngine] = []

    async def note_wait(seconds: float) -> None:
        waits.append(seconds)

    def make(*, timeout_s: float = 10, api_key: str | None = KEY) -> RemoteEngine:
        engine = RemoteEngine(
            base_url=server.base_url,
            api_key=None if api_key is None else SecretStr(api_key),
            model="whisper-1",
            timeout_s=timeout_s,
            sleep=note_wait,
            clock=SettableClock(),
        )
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        await engine.close()


@pytest.fixture
async def speech(decode: Callable[[str], Awaitable[Samples]]) -> Samples:
    return await decode(CLIP.name)


async def failure_of(engine: RemoteEngine, speech: Samples) -> TranscriptionError:
    with pytest.raises(TranscriptionError) as raised:
        await engine.transcribe(speech, TranscribeOptions())
    everything = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + repr(vars(engine))
    assert KEY not in everything
    return raised.value


async def test_a_note_is_sent_and_its_words_come_back(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    found = await make_engine().transcribe(speech, TranscribeOptions())
    [request] = server.requests
    assert request.path == "/v1/audio/transcriptions"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    [sent] = request.fields.pop("file")
    assert request.fields == {
        "model": [b"whisper-1"],
        "response_format": [b"verbose_json"],
        "timestamp_granularities[]": [b"word", b"segment"],
    }
    with wave.open(io.BytesIO(sent)) as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, SAMPLE_RATE)
        pcm = np.frombuffer(audio.readframes(audio.getnframes()), dtype="<i2")
    assert np.array_equal(pcm.astype(np.float32) / np.float32(32768), speech)

    duration_s = len(speech) / SAMPLE_RATE
    assert (found.text, found.language, found.language_probability) == (TEXT, "en", 1.0)
    assert (found.provider, found.model, found.duration_s) == ("openai", "whisper-1", duration_s)
    assert [word.text for word in found.words] == ["What's", "the", "weather", "like"]
    assert found.words[-1].end_s == found.segments[-1].end_s == duration_s
    assert found.confidence == pytest.approx(0.9048, abs=1e-4)
    assert found.times.vad_s > 0
    assert found.times.generate_s > 0


async def test_a_server_that_answers_with_the_text_only(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    server.replies = [Reply(body=json.dumps({"text": TEXT}).encode())]
    found = await make_engine(api_key=None).transcribe(speech, TranscribeOptions())
    assert "Authorization" not in server.requests[0].headers
    assert (found.text, found.words, found.language) == (TEXT, (), None)
    assert [segment.text for segment in found.segments] == [TEXT]


async def test_a_language_that_is_known_is_sent(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    found = await make_engine().transcribe(speech, TranscribeOptions(language="German", words=False))
    assert server.requests[0].fields["language"] == [b"de"]
    assert server.requests[0].fields["timestamp_granularities[]"] == [b"segment"]
    assert (found.language, found.language_probability) == ("de", 1.0)


async def test_a_language_that_nobody_knows_is_refused(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    with pytest.raises(UnknownLanguage, match="klingon"):
        await make_engine().transcribe(speech, TranscribeOptions(language="klingon"))
    assert server.requests == []


async def test_silence_is_not_sent(server: Server, make_engine: MakeEngine) -> None:
    silence = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    found = await make_engine().transcribe(silence, TranscribeOptions())
    assert server.requests == []
    assert (found.text, found.segments, found.words, found.confidence) == ("", (), (), 0.0)
    assert (found.language, found.language_probability, found.duration_s) == (None, 0.0, 5.0)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_what_may_pass_is_tried_again(
    server: Server, make_engine: MakeEngine, speech: Samples, waits: list[float], status: int
) -> None:
    server.replies = [refusal(status, "Wait."), refusal(status, "Wait.")]
    found = await make_engine().transcribe(speech, TranscribeOptions())
    assert found.text == TEXT
    assert len(server.requests) == MAX_TRIES
    assert server.requests[0].fields == server.requests[-1].fields
    assert 0.25 <= waits[0] <= 0.5 <= waits[1] <= 1.0


async def test_the_server_says_when_to_try_again(
    server: Server, make_engine: MakeEngine, speech: Samples, waits: list[float]
) -> None:
    server.replies = [
        refusal(429, "Slow down.", Retry_After="7"),
        refusal(503, "Busy.", Retry_After="Sat, 14 Mar 2026 13:00:00 GMT"),
    ]
    await make_engine().transcribe(speech, TranscribeOptions())
    assert waits == [7.0, 30.0]


async def test_what_does_not_pass_is_given_up(
    server: Server, make_engine: MakeEngine, speech: Samples, waits: list[float]
) -> None:
    server.replies = [refusal(500, "Broken.")] * MAX_TRIES
    failure = await failure_of(make_engine(), speech)
    assert str(failure).endswith(" answered 500: Broken.")
    assert len(server.requests) == len(waits) + 1 == MAX_TRIES


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 415, 422])
async def test_a_refusal_is_final_and_says_why(
    server: Server, make_engine: MakeEngine, speech: Samples, status: int
) -> None:
    server.replies = [refusal(status, f"Bad key {KEY}.\n\x1b[2J", Location=f"{server.base_url}/elsewhere")]
    failure = await failure_of(make_engine(), speech)
    host = server.base_url.removeprefix("http://").removesuffix("/v1")
    assert str(failure) == f"The transcription server {host} answered {status}: Bad key ***. [2J."
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": "No such model"}', ": No such model"),
        (b'{"detail": "Not Found"}', ": Not Found"),
        (b'{"detail": [{"loc": ["file"]}]}', ': [{"loc": ["file"]}]'),
        (b'{"message": "Unauthorized"}', ": Unauthorized"),
        (b"<h1>Bad\r\nRequest</h1>\xff", ": <h1>Bad Request</h1>\N{REPLACEMENT CHARACTER}"),
        (b"x" * 100_000, ": " + "x" * MAX_MESSAGE_LENGTH),
        (b"[" * 60_000, ": " + "[" * MAX_MESSAGE_LENGTH),
        (b"", ""),
    ],
)
async def test_errors_of_any_shape_are_quoted(
    server: Server, make_engine: MakeEngine, speech: Samples, body: bytes, said: str
) -> None:
    server.replies = [Reply(400, body)]
    assert str(await failure_of(make_engine(), speech)).endswith(f" answered 400{said}.")


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b'{"text": "cut of', b"[]", b'{"error": "busy"}', b'{"text": 5}', b'{"text": "\xff"}'],
)
async def test_what_is_no_transcription_is_refused(
    server: Server, make_engine: MakeEngine, speech: Samples, body: bytes
) -> None:
    server.replies = [Reply(body=body)]
    failure = await failure_of(make_engine(), speech)
    assert "answered with no transcription" in str(failure)
    assert len(server.requests) == 1


async def test_an_answer_without_end_is_not_read_to_it(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    server.replies = [Reply(body=b" " * (2 * MAX_ANSWER_BYTES))]
    failure = await failure_of(make_engine(), speech)
    assert str(failure).endswith(f"answered with more than {MAX_ANSWER_BYTES} bytes.")
    assert len(server.requests) == 1


async def test_a_server_that_hangs_is_not_waited_for(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    server.replies = [Reply(hangs=True)] * MAX_TRIES
    failure = await failure_of(make_engine(timeout_s=0.2), speech)
    assert str(failure).endswith("did not answer within 0.2 s.")
    assert len(server.requests) == MAX_TRIES


async def test_a_server_that_is_not_there(server: Server, speech: Samples, waits: list[float]) -> None:
    async def note_wait(seconds: float) -> None:
        waits.append(seconds)

    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as gone:
        port = gone.server_port
    engine = RemoteEngine(
        base_url=f"http://127.0.0.1:{port}/v1",
        api_key=SecretStr(KEY),
        model="whisper-1",
        timeout_s=10,
        sleep=note_wait,
    )
    assert f"127.0.0.1:{port} gave no answer (" in str(await failure_of(engine, speech))
    assert len(waits) == MAX_TRIES - 1
    await engine.close()


async def test_closing_waits_for_the_calls_in_flight(
    server: Server, make_engine: MakeEngine, speech: Samples
) -> None:
    server.replies = [Reply(hangs=True)]
    engine = make_engine()
    call = asyncio.create_task(engine.transcribe(speech, TranscribeOptions()))
    await asyncio.to_thread(server.arrived.wait, 10)
    closing = asyncio.create_task(engine.close())
    await asyncio.wait({closing}, timeout=0.05)
    assert not closing.done()
    server.released.set()
    assert (await call).text == TEXT
    await closing


async def test_a_note_goes_through_the_whole_pipeline(
    server: Server,
    make_engine: MakeEngine,
    api: Api,
    account: Account,
    clock: SettableClock,
    pool: DecoderPool,
) -> None:
    context = TranscribingContext(
        api.context.database, JobQueue(), api.context.objects, pool, make_engine(), clock
    )
    files = {"file": (CLIP.name, CLIP.read_bytes())}
    made = await api.http.post("/v1/voicenotes", headers=account.headers, files=files)
    note_id = parse_uuid(made.json()["id"])
    assert note_id is not None
    await transcribe_note(context, NoteId(note_id))
    answer = await api.http.get(f"/v1/voicenotes/{note_id}/transcription", headers=account.headers)
    transcription = answer.json()
    assert (transcription["text"], transcription["language"]) == (TEXT, "english")
    assert (transcription["provider"], transcription["model"]) == ("openai", "whisper-1")
    assert len(server.requests) == 1
