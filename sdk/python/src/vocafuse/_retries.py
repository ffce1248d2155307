"""When a call is tried again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from vocafuse._answers import Answer, Failure, parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BACKOFF_S = 30.0
MAX_RETRY_AFTER_S = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently calls are repeated.

    Attributes:
        max_retries: Tries after the first one.
        base_delay_s: The first pause; it doubles with each retry.
        jitter: Gives a number in [0, 1), to spread clients that failed together.
    """

    max_retries: int = 3
    base_delay_s: float = 1.0
    jitter: Callable[[], float] = random.random

    def next_delay_s(self, outcome: Answer | Failure, *, retries: int, repeatable: bool) -> float | None:
        """Seconds to wait before the call is sent again, or None when it is not."""
        if not repeatable or retries >= self.max_retries or not is_temporary(outcome):
            return None
        stated_s = _stated_wait_s(outcome)
        if stated_s is not None:
            return min(stated_s, MAX_RETRY_AFTER_S)
        # The exponent is capped too: 2.0 ** 1024 is an OverflowError.
        backoff_s = min(self.base_delay_s * 2.0 ** min(retries, 32), MAX_BACKOFF_S)
        return backoff_s * (0.5 + self.jitter() / 2)


def is_temporary(outcome: Answer | Failure) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(outcome, Failure):
        return outcome.repeatable
    # A conflict that says when to come back: an earlier try of this call is still in progress.
    in_progress = outcome.status == 409 and "retry-after" in outcome.headers
    return outcome.status == 429 or outcome.status >= 500 or in_progress


def may_have_happened(outcome: Answer | Failure) -> bool:
    """Whether a failed call may nevertheless have taken effect on the server."""
    return isinstance(outcome, Failure) or outcome.status >= 500


def _stated_wait_s(outcome: Answer | Failure) -> float | None:
    if isinstance(outcome, Failure):
        return None
    return parse_retry_after(outcome.headers.get("retry-after"), datetime.now(timezone.utc))
