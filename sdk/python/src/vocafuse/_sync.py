"""The sync shell: sends what a flow asks for, and sleeps."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import httpx2

from vocafuse._calls import Call, SignedPut
from vocafuse._http import (
    HTTP_ERRORS,
    USER_AGENT,
    answer_from,
    failure_from,
    keep_signatures_out_of_logs,
    log_outcome,
    request_options,
    sending_signed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vocafuse._answers import Answer, Failure
    from vocafuse._config import Config
    from vocafuse._flows import Flow, ResultT
    from vocafuse._retries import RetryPolicy


@dataclass(frozen=True)
class Clock:
    """Time as this library uses it, so that tests need not wait."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class SyncHttp:
    """Connections to one service. Safe to use from several threads at once."""

    def __init__(
        self,
        config: Config,
        policy: RetryPolicy,
        *,
        timeout_s: float | None,
        debug: bool,
        transport: httpx2.BaseTransport | None,
        clock: Clock,
    ) -> None:
        keep_signatures_out_of_logs()
        self.policy = policy
        self.clock = clock
        self._config = config
        self._debug = debug
        self._client = httpx2.Client(
            headers={"User-Agent": USER_AGENT}, timeout=timeout_s, transport=transport, follow_redirects=False
        )

    def run(self, flow: Flow[ResultT]) -> ResultT:
        """Drives a flow to its result, or to the exception it raises."""
        try:
            send = next(flow)
            while True:
                if send.after_s > 0:
                    self.clock.sleep(send.after_s)
                send = flow.send(self._send(send.request))
        except StopIteration as stop:
            return cast("ResultT", stop.value)

    def _send(self, request: Call | SignedPut) -> Answer | Failure:
        started_s = self.clock.now_s()
        signed = sending_signed.set(isinstance(request, SignedPut))
        try:
            prepared = self._client.build_request(**request_options(self._config, request))
            outcome = answer_from(self._client.send(prepared))
        except HTTP_ERRORS as error:
            outcome = failure_from(error, self._config, request)
        finally:
            sending_signed.reset(signed)
        if self._debug:
            log_outcome(self._config, request, outcome, self.clock.now_s() - started_s)
        return outcome

    def close(self) -> None:
        self._client.close()
