"""v1's events: a stream of what happens to notes, as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, BeforeValidator, Field
from starlette.types import Message, Receive, Scope, Send

from vocafuse_server.core.errors import ApiError
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.core.logging import get_logger
from vocafuse_server.dialects.authentication import identify
from vocafuse_server.dialects.context import AppContext, Context
from vocafuse_server.dialects.request_log import EVENTS_PATH
from vocafuse_server.dialects.routing import AuthenticatedRoute, NoteReader
from vocafuse_server.dialects.v1.fields import wire_time
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.schemas import NoteBody, note_body
from vocafuse_server.dialects.v1.vocabulary import VOICENOTES
from vocafuse_server.notes.errors import NoteNotFound
from vocafuse_server.notes.feed import NoteFeed, Position, Reader
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.models import Note, NoteEvent

log = get_logger(__name__)
router = APIRouter(route_class=AuthenticatedRoute, tags=["events"])

_RECONNECT_MS = 2000
_HEARTBEAT = b": still here\n\n"
_NOT_CACHED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_STREAM = "text/event-stream"
_EVENTS_DOC: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Events until one side ends the stream: `ready`, then `voicenote.created`,"
        " `.processing`, `.transcribed`, `.failed`, `.updated`, `.deleted` and `.restored`",
        "content": {
            _STREAM: {
                "schema": {"type": "string"},
                "example": "id: 1767225600000000\nevent: voicenote.deleted\n"
                'data: {"type":"voicenote.deleted","voicenote_id":"…","created_at":"2026-01-01T00:00:00",'
                '"voicenote":null}\n\n',
            }
        },
    }
}


class Ready(BaseModel):
    """The first event: from here on nothing is missed."""

    type: Literal["ready"] = "ready"
    resumed: bool
    voicenote: NoteBody | None


class Happened(BaseModel):
    """Something that happened to a note, and the note as it is now."""

    type: str
    voicenote_id: str
    created_at: str
    voicenote: NoteBody | None


EventId = Annotated[
    str,
    Field(pattern=r"^[0-9]{1,18}$"),
    BeforeValidator(lambda text: text or None),
]


class EventStream(StreamingResponse):
    """Sends to a reader for as long as it reads, and cuts it off when it doesn't.

    Args:
        blocks: What to send.
        reader: Who reads; closed at the end.
        patience_s: How long it may take over one block.
    """

    media_type = _STREAM

    def __init__(
        self, blocks: AsyncGenerator[bytes], *, feed: NoteFeed, reader: Reader, patience_s: float
    ) -> None:
        super().__init__(blocks, headers=_NOT_CACHED)
        self._feed = feed
        self._reader = reader
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with self._reader.telling(at_most_s=self._patience_s):
                await send(message)

        watching = asyncio.create_task(self._watch(receive))
        try:
            await self.stream_response(send_in_time)
        except TimeoutError:
            log.info("event stream cut off, because its client reads nothing")
            hang_up: Callable[[], None] = scope["state"]["hang_up"]
            hang_up()
            await watching  # Until the connection has ended: the answer has not.
        finally:
            watching.cancel()
            self._feed.close(self._reader)

    async def _watch(self, receive: Receive) -> None:
        """A reader that has gone ends once it has read, so that no connection to the database is torn."""
        await self.listen_for_disconnect(receive)
        self._reader.finish()


@router.get(EVENTS_PATH, response_class=StreamingResponse, responses={**_EVENTS_DOC, **errors(401, 403, 404)})
async def follow_events(
    request: Request,
    context: Context,
    caller: NoteReader,
    voicenote_id: Annotated[str | None, Query(description="Only what happens to this note")] = None,
    last_event_id: Annotated[
        EventId | None, Header(description="The `id` of the last event that was read, to go on after it")
    ] = None,
) -> EventStream:
    """Follow what happens to notes, as server-sent events; `docs/events.md` says how."""
    note_id = None if voicenote_id is None else parse_id(NoteId, voicenote_id)
    if voicenote_id is not None and note_id is None:
        raise NoteNotFound
    reader = context.feed.open(owner_of(caller), note_id)
    try:
        position = await context.feed.begin(reader, after=int(last_event_id) if last_event_id else None)
    except BaseException:
        context.feed.close(reader)
        raise
    return EventStream(
        _blocks(request, context, reader, position),
        feed=context.feed,
        reader=reader,
        patience_s=2 * context.settings.event_heartbeat_seconds,
    )


async def _blocks(
    request: Request, context: AppContext, reader: Reader, position: Position
) -> AsyncGenerator[bytes]:
    """The stream, block by block; it ends with the server, and with the caller's right to read it."""
    bucket = context.objects.bucket
    yield b"retry: %d\n\n" % _RECONNECT_MS
    ready = Ready(resumed=position.resumed, voicenote=_body(position.note, bucket))
    yield _block(ready, position.number)
    with suppress(ApiError):
        while not reader.is_done:
            await identify(request, context)
            read = await context.feed.read(reader)
            if read.events:
                yield b"".join(_block(_happened(*one, bucket), one[0].number) for one in read.events)
            if read.may_be_more:
                continue
            if not await reader.wait(at_most_s=context.settings.event_heartbeat_seconds):
                yield _HEARTBEAT


def _happened(event: NoteEvent, note: Note | None, bucket: str) -> Happened:
    return Happened(
        type=f"{VOICENOTES.noun}.{event.kind}",
        voicenote_id=str(event.note_id),
        created_at=wire_time(datetime.fromtimestamp(event.number / 1_000_000, timezone.utc)),
        voicenote=_body(note, bucket),
    )


def _body(note: Note | None, bucket: str) -> NoteBody | None:
    return None if note is None else note_body(note, VOICENOTES, bucket=bucket)


def _block(event: Ready | Happened, number: int | None) -> bytes:
    identification = "" if number is None else f"id: {number}\n"
    return f"{identification}event: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()
