"""Following events and waiting by them, over canned streams."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse import (
    APIConnectionError,
    AsyncClient,
    AuthenticationError,
    Client,
    Event,
    TranscriptionFailedError,
    VocaFuseError,
    WaitTimeoutError,
)
from vocafuse._server_events import EventReader

if TYPE_CHECKING:
    from conftest import FakeTime

MakeClient = Callable[..., Client]
NoteJson = Callable[..., dict[str, Any]]
HEARTBEAT = b": still here\n\n"


def block(kind: str, *, number: int | None = 1, **data: object) -> bytes:
    identification = "" if number is None else f"id: {number}\n"
    return f"{identification}event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


class Stream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """An answer in pieces; an exception among them is raised, a function called."""

    def __init__(self, *pieces: bytes | Exception | Callable[[], object]) -> None:
        self._pieces = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, bytes):
                yield piece
            else:
                piece()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def stream_of(stream: Stream) -> httpx2.Response:
    return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)


class Service:
    """Answers /events with what it is told in turn, and every other request with a note."""

    def __init__(self, note: dict[str, Any], *streams: httpx2.Response | Exception) -> None:
        self.note = note
        self.asked: list[httpx2.Request] = []
        self._streams = iter(streams)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        if not request.url.path.endswith("/events"):
            return httpx2.Response(200, json=self.note)
        answer = next(self._streams)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def paths(self) -> list[str]:
        return [request.url.raw_path.decode() for request in self.asked]


WIRE = (
    b"retry: 250\n\n"
    + block("ready", number=None, resumed=False)
    + HEARTBEAT
    + b'id: 7\r\nevent: x\r\ndata: {"type":\r\ndata: "x"}\r\n\r\n'
    + b"data: no json\n\ndata: [1]\n\n"
    + block("voicenote.transcribed", number=8, voicenote_id="ä")
)


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=8))
def test_events_are_read_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    reader = EventReader()
    ends = [0, *sorted(cuts), len(WIRE)]
    pieces = [WIRE[begin:end] for begin, end in itertools.pairwise(ends)]
    events = [event for piece in pieces for event in reader.feed(piece)]
    assert [(event.id, event.type) for event in events] == [
        (None, "ready"),
        ("7", "x"),
        ("8", "voicenote.transcribed"),
    ]
    assert (events[2].voicenote_id, events[2].voicenote) == ("ä", None)
    assert reader.reconnect_s == 0.25


def test_a_broken_stream_goes_on_after_the_last_event(
    make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    first = Stream(
        b"retry: 500\n\n",
        block("ready", number=5, resumed=False),
        block("voicenote.created", number=6, voicenote_id="n", voicenote=note_json()),
        httpx2.ReadError("cut"),
    )
    second = Stream(block("ready", number=6, resumed=True), block("voicenote.deleted", number=9))
    service = Service({}, stream_of(first), httpx2.Response(503), stream_of(second), httpx2.Response(401))
    seen: list[Event] = []
    with make_client(service).events.stream(voicenote_id="n") as events:
        seen.extend(next(events) for _ in range(4))
        with pytest.raises(AuthenticationError):
            next(events)
    created = seen[1].voicenote
    assert created is not None
    assert (created.id, created.created_at.year) == ("rec_123", 2025)
    assert [(event.id, event.type) for event in seen] == [
        ("5", "ready"),
        ("6", "voicenote.created"),
        ("6", "ready"),
        ("9", "voicenote.deleted"),
    ]
    assert service.paths == ["/v1/events?voicenote_id=n"] * 4
    last_ids = [request.headers.get("Last-Event-ID") for request in service.asked]
    assert last_ids == [None, "6", "6", "9"]
    assert fake_time.slept_s == [0.5, 1.0, 2.0]
    assert first.closed
    assert second.closed


def test_a_stream_that_cannot_be_opened_ends_after_all_retries(
    make_client: MakeClient, fake_time: FakeTime
) -> None:
    service = Service({}, *[httpx2.ConnectError("refused")] * 3)
    with pytest.raises(APIConnectionError):
        next(make_client(service, max_retries=2).events.stream())
    assert fake_time.slept_s == [1.0, 2.0]


def test_another_site_is_no_stream(make_client: MakeClient) -> None:
    service = Service({}, httpx2.Response(200, html="<h1>Welcome</h1>"))
    with pytest.raises(VocaFuseError, match="base_url"):
        next(make_client(service).events.stream())


def test_a_stream_is_hung_up_when_it_is_closed(make_client: MakeClient) -> None:
    open_stream = Stream(block("ready"), block("voicenote.created", number=2))
    with make_client(Service({}, stream_of(open_stream))).events.stream(last_event_id="0") as events:
        assert next(events).type == "ready"
        assert not open_stream.closed
    assert open_stream.closed
    assert list(events) == []


async def test_the_async_client_follows_as_well(make_async_client: Callable[..., AsyncClient]) -> None:
    open_stream = Stream(block("ready"), block("voicenote.created", number=2))
    service = Service({}, stream_of(open_stream))
    async with make_async_client(service).events.stream() as events:
        async for event in events:
            if event.type == "voicenote.created":
                break
    assert open_stream.closed


def test_waiting_takes_one_stream_and_one_note(
    make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    told = Stream(
        block("ready", voicenote=note_json(status="processing")),
        HEARTBEAT,
        block("voicenote.transcribed", number=2, voicenote=note_json()),
        AssertionError("read too far"),
    )
    service = Service(note_json(), stream_of(told))
    assert make_client(service).recordings.wait("rec_123").status == "transcribed"
    assert service.paths == ["/v1/events?voicenote_id=rec_123", "/v1/recordings/rec_123"]
    assert fake_time.slept_s == []
    assert told.closed


async def test_waiting_for_what_failed(
    make_async_client: Callable[..., AsyncClient], note_json: NoteJson
) -> None:
    failed = note_json(status="failed", failure={"code": "AUDIO_TOO_LONG", "message": "Too long."})
    service = Service(failed, stream_of(Stream(block("ready", voicenote=failed))))
    with pytest.raises(TranscriptionFailedError, match="Too long"):
        await make_async_client(service).voicenotes("rec_123").wait()


@pytest.mark.parametrize(
    "nothing_heard",
    [
        httpx2.Response(404),
        httpx2.Response(429),
        httpx2.Response(200, json={}),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("held up by a proxy"),
        stream_of(Stream(block("ready", voicenote={"status": "processing"}))),
        stream_of(Stream(HEARTBEAT, httpx2.ReadError("cut"))),
    ],
)
def test_waiting_asks_again_and_again_where_nothing_is_heard(
    make_client: MakeClient, note_json: NoteJson, nothing_heard: httpx2.Response | Exception
) -> None:
    service = Service(note_json(), nothing_heard)
    assert make_client(service).voicenotes.wait("rec_123").id == "rec_123"
    assert service.paths == ["/v1/events?voicenote_id=rec_123", "/v1/voicenotes/rec_123"]


def test_waiting_ends_in_time_whatever_is_heard(
    make_client: MakeClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    processing = note_json(status="processing")

    def beat() -> Stream:
        """A stream that says every 15 s that it is there."""
        heard: list[Any] = [block("ready", voicenote=processing)]
        for _ in range(10):
            heard += [lambda: fake_time.sleep(15), HEARTBEAT]
        return Stream(*heard)

    service = Service(processing, *(stream_of(beat()) for _ in range(2)))
    with pytest.raises(WaitTimeoutError, match="after 50 s"):
        make_client(service).voicenotes.wait("rec_123", timeout=50)
    silences = [request.extensions["timeout"]["read"] for request in service.asked[:-1]]
    # The stream is opened again with less patience near the end, so that no silence outlasts the deadline.
    assert silences == [20.0, 5.0]
    assert fake_time.now_s <= 60
