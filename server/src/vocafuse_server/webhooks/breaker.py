"""The breaker of an endpoint: a receiver that doesn't answer is left alone for a while.

Its state is in the webhook's row, so all workers share it. Closed, everybody calls. After several
attempts in a row without an answer it opens: nobody calls before `rests_until`. Then one delivery
makes its attempt, which shows whether the receiver answers again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from vocafuse_server.webhooks.models import Webhook

OPENS_AFTER = 5
# The first rest is the first published delay, so a moment's outage delays nobody; the last one bounds how
# long it takes to see that a receiver is back.
RESTS_S = (5, 15, 30, 60, 120, 300)
# What recording a probe may take beyond the call's own time limit.
_RECORDING = timedelta(seconds=10)
# Answers of what stands before a receiver that isn't there, or of one that asks to be left alone.
SILENT_STATUSES = frozenset({429, 502, 503, 504})


class Turn(Enum):
    """What becomes of an attempt that is due."""

    CALL = auto()
    PROBE = auto()  # Call, if nobody else does so first.
    WAIT = auto()
    FAILED = auto()  # Another delivery's attempt, begun since this one was due, had no answer.


@dataclass(frozen=True, slots=True)
class Verdict:
    """The turn, and until when to wait."""

    turn: Turn
    until: datetime | None = None


def judge(webhook: Webhook, *, waiting_since: datetime | None, now: datetime) -> Verdict:
    """What becomes of an attempt that is due.

    Args:
        waiting_since: Since when it has been put off because the receiver rests.
    """
    rests_until, probed_until = webhook.rests_until, webhook.probed_until
    if rests_until is None:
        return Verdict(Turn.CALL)
    is_probed = probed_until is not None and probed_until > now
    if rests_until <= now and not is_probed:
        return Verdict(Turn.PROBE)
    tried_at = webhook.unanswered_at
    if waiting_since is not None and tried_at is not None and tried_at > waiting_since:
        return Verdict(Turn.FAILED)
    return Verdict(Turn.WAIT, probed_until if probed_until is not None and is_probed else rests_until)


def lease(now: datetime, *, timeout_s: float) -> datetime:
    """Until when a probe begun now may take; the next one is made after that, whatever became of it."""
    return now + timedelta(seconds=timeout_s) + _RECORDING


def after_silence(
    webhook: Webhook, *, begun_at: datetime, is_probe: bool, now: datetime
) -> Mapping[str, object]:
    """What changes in the webhook's row when an attempt had no answer."""
    known = webhook.unanswered_at
    values: dict[str, object] = {"unanswered_at": begun_at if known is None else max(known, begun_at)}
    if webhook.rests_until is not None and not is_probe:
        return values  # It was under way when the breaker opened, and tells nothing new.
    unanswered = webhook.unanswered + 1
    values["unanswered"] = unanswered
    if unanswered >= OPENS_AFTER:
        rest_s = RESTS_S[min(unanswered - OPENS_AFTER, len(RESTS_S) - 1)]
        values |= {"rests_until": now + timedelta(seconds=rest_s), "probed_until": None}
    return values


# What an answer, another URL, or enabling the webhook again makes of the state.
CLOSED: Mapping[str, object] = {
    "unanswered": 0,
    "unanswered_at": None,
    "rests_until": None,
    "probed_until": None,
}
