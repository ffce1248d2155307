"""Clients that keep the server waiting: how long each may, and what becomes of it then."""

import asyncio
from abc import ABC, abstractmethod
from typing import cast

from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vocafuse_server.core.errors import ApiError, InvalidRequest
from vocafuse_server.core.settings import Settings

_MAX_PIPELINED = 32
_LINGER_S = 2


class RequestTooSlow(InvalidRequest):
    status = 408
    default_message = "The request came too slowly. Send it again on a better connection."


class _Answering(asyncio.Transport):
    """What an answer is written to, and closed by if it is the last."""

    def __init__(self, http: "PatientHttp") -> None:
        super().__init__()
        self._http = http

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._http.is_parting:
            self._http.transport.write(data)

    def is_closing(self) -> bool:
        return self._http.transport.is_closing()

    def close(self) -> None:
        self._http.end_after_answer()


class PatientHttp(HttpToolsProtocol, ABC):
    """The HTTP protocol with an end to its patience.

    A client that owes the server something, the rest of a head or of a body, has the settings' grace time,
    and earns more of it, though never more than that, with each byte of a body. So a slow upload goes on
    for as long as it comes, whatever it takes in all, and a stalled one ends. The same goes for a client that
    does not read its answer.
    """

    settings: Settings
    _deadline: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _writing_timer: asyncio.TimerHandle | None = None
    _unsent_bytes = 0
    _is_idle = True
    _lingers = False
    _in_body = False
    is_parting = False

    @abstractmethod
    def refuse(self, error: ApiError) -> None:
        """Answer what could not be read, and close."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.settings = cast("FastAPI", self.config.app).state.context.settings
        self._answering = _Answering(self)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._writing_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_parting:
            return
        self._is_idle = False
        if self._deadline is None and (not self.cycle or self.cycle.response_complete):
            self._wait()
        super().data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after a body is not among the headers that the request was let in by.
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.cycle.transport = self._answering
        self._in_body, self._lingers = True, False
        self._wait()
        if len(self.pipeline) > _MAX_PIPELINED:
            self.transport.abort()
            raise ConnectionAbortedError

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._deadline is not None and not self._lingers:
            earned_s = len(body) / self.settings.slow_client_bytes_per_second
            latest = self.loop.time() + self.settings.slow_client_seconds
            self._deadline = min(latest, self._deadline + earned_s)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_body, self._deadline, self._is_idle = False, None, True

    def end_after_answer(self) -> None:
        """Close; but not on a client that is still sending: that would take the answer back from it."""
        if self._in_body and not self.transport.is_closing():
            self.part()
        else:
            self.transport.close()

    def part(self) -> None:
        """Say nothing more, and take what still comes without a look at it, for a while."""
        self.is_parting, self._deadline = True, None
        self.flow.resume_reading()
        self.transport.write_eof()
        self.watch_writing()
        self.loop.call_later(_LINGER_S, self.transport.close)

    def on_response_complete(self) -> None:
        if self.is_parting:
            return
        super().on_response_complete()
        if self._in_body:
            # Refused before it was read whole. Closing now would take the answer back from a client that
            # is still sending, so it may go on for a while.
            self._lingers = True
            self._wait()
        self.watch_writing()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._writing_timer is not None:
            self._writing_timer.cancel()
            self._writing_timer = None

    def watch_writing(self) -> None:
        """See to it that the client takes what there is for it."""
        self._unsent_bytes = self.transport.get_write_buffer_size()
        if self._unsent_bytes and self._writing_timer is None:
            self._writing_timer = self.loop.call_later(
                self.settings.slow_client_seconds, self._look_at_writing
            )

    def _look_at_writing(self) -> None:
        self._writing_timer = None
        taken_bytes = self._unsent_bytes - self.transport.get_write_buffer_size()
        expected_bytes = self.settings.slow_client_seconds * self.settings.slow_client_bytes_per_second
        if taken_bytes < min(self._unsent_bytes, expected_bytes):
            self.transport.abort()
        else:
            self.watch_writing()

    def _wait(self) -> None:
        """Begin to be patient."""
        self._deadline = self.loop.time() + self.settings.slow_client_seconds
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        """One timer a connection, which looks again when it finds that there is time left."""
        self._timer = None
        if self._deadline is None:
            return
        if self.flow.read_paused:  # It is the client who waits.
            self._wait()
        elif self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._look)
        elif self._is_idle or self._lingers:
            self.transport.close()
        else:
            self.refuse(RequestTooSlow())
