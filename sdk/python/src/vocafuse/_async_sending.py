"""The async shell: does what a flow asks for, and sleeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import httpx2

from vocafuse._answers import Answer, Failure
from vocafuse._calls import Call, SignedPut
from vocafuse._flows import Emit, Open, Send
from vocafuse._http import (
    HTTP_ERRORS,
    LIMITS,
    USER_AGENT,
    RequestOptions,
    answer_from,
    async_close_when_forgotten,
    failure_from,
    head_from,
    keep_signatures_out_of_logs,
    log_outcome,
    no_more,
    request_options,
    sending_signed,
    streamed_body,
)

if TYPE_CHECKING:
    from vocafuse._clock import AsyncClock
    from vocafuse._config import Config
    from vocafuse._flows import Feed, Flow, ResultT, Step
    from vocafuse._retries import RetryPolicy


class AsyncHttp:
    """Connections to one service, which any number of flows share."""

    def __init__(
        self,
        config: Config,
        policy: RetryPolicy,
        *,
        timeout_s: float | None,
        debug: bool,
        transport: httpx2.AsyncBaseTransport | None,
        clock: AsyncClock,
    ) -> None:
        keep_signatures_out_of_logs()
        self.config = config
        self.policy = policy
        self.clock = clock
        self._timeout_s = timeout_s
        self._debug = debug
        self._client = httpx2.AsyncClient(
            headers={"User-Agent": USER_AGENT},
            timeout=timeout_s,
            limits=LIMITS,
            transport=transport,
            follow_redirects=False,
        )
        async_close_when_forgotten(self, self._client)

    async def run(self, flow: Flow[ResultT]) -> ResultT:
        """Drives a flow to its result, or to the exception it raises."""
        line = AsyncLine(self)
        try:
            step = next(flow)
            while True:
                step = flow.send(await line.perform(step))
        except StopIteration as stop:
            return cast("ResultT", stop.value)
        finally:
            await line.hang_up()

    async def iterate(self, feed: Feed[ResultT]) -> AsyncGenerator[ResultT]:
        """Drives a feed as far as its items are wanted."""
        line = AsyncLine(self)
        try:
            with suppress(StopIteration):
                step = next(feed)
                while True:
                    if isinstance(step, Emit):
                        yield step.item
                        step = next(feed)
                    else:
                        step = feed.send(await line.perform(step))
        finally:
            await line.hang_up()

    async def send(self, request: Call | SignedPut) -> Answer | Failure:
        """Sends a request and reads the whole answer."""
        started_s = self.clock.now_s()
        signed = sending_signed.set(isinstance(request, SignedPut))
        try:
            prepared = self._client.build_request(**self._options(request))
            outcome = answer_from(await self._client.send(prepared))
        except HTTP_ERRORS as error:
            outcome = failure_from(error, self.config, request)
        finally:
            sending_signed.reset(signed)
        self._log(request, outcome, started_s)
        return outcome

    async def open(self, step: Open) -> tuple[Answer | Failure, httpx2.Response | None]:
        """Sends a request and reads the answer's head; all of it if it is a refusal."""
        started_s, response = self.clock.now_s(), None
        options = self._options(step.request)
        options["timeout"] = httpx2.Timeout(self._timeout_s, read=step.silence_s)
        try:
            response = await self._client.send(self._client.build_request(**options), stream=True)
            if not response.is_success:
                await response.aread()
            outcome = head_from(response)
        except HTTP_ERRORS as error:
            outcome = failure_from(error, self.config, step.request)
        self._log(step.request, outcome, started_s)
        return outcome, response

    async def close(self) -> None:
        await self._client.aclose()

    def _options(self, request: Call | SignedPut) -> RequestOptions:
        options = request_options(self.config, request)
        body = streamed_body(request)
        if body is not None:
            options["content"] = body.async_chunks()
        return options

    def _log(self, request: Call | SignedPut, outcome: Answer | Failure, started_s: float) -> None:
        if self._debug:
            log_outcome(self.config, request, outcome, self.clock.now_s() - started_s)


class AsyncLine:
    """What one flow has open: at most one answer, which is read piece by piece."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http
        self._request: Call | None = None
        self._response: httpx2.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None

    async def perform(self, step: Step) -> Answer | Failure:
        """Does what a flow asks for."""
        if isinstance(step, Send):
            await self._pause(step.after_s)
            return await self._http.send(step.request)
        if isinstance(step, Open):
            await self.hang_up()
            await self._pause(step.after_s)
            outcome, self._response = await self._http.open(step)
            self._request = step.request
            return outcome
        return await self._read()

    async def hang_up(self) -> None:
        """Closes what is open."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            await response.aclose()

    async def _read(self) -> Answer | Failure:
        response, request = self._response, self._request
        if response is None or request is None:
            return no_more()
        if self._pieces is None:
            self._pieces = response.aiter_bytes()
        try:
            async for piece in self._pieces:
                return head_from(response, piece)
        except HTTP_ERRORS as error:
            return failure_from(error, self._http.config, request)
        return no_more()

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._http.clock.sleep(seconds)
