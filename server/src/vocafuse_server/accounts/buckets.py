"""Buckets of tokens, of which each request takes one.

They are kept by GCRA (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): all there is of
one is the time at which it will be full again. Times are integer microseconds.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from vocafuse_server.accounts.models import Plan

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_SWEEP_AT_LEAST = 1024


@dataclass(frozen=True)
class Rate:
    """A bucket of `burst` tokens into which `per_minute` flow."""

    per_minute: int
    burst: int

    @cached_property
    def interval_us(self) -> int:
        """How long one token takes."""
        return -(-_MINUTE_US // self.per_minute)

    @cached_property
    def capacity_us(self) -> int:
        """How long an empty bucket takes to be full."""
        return self.burst * self.interval_us


class Standing(NamedTuple):
    """How a caller stands.

    Attributes:
        allowed: Whether there was a token for this request.
        limit: Requests per minute.
        remaining: Whole tokens that are left now.
        reset_at: Epoch second at which the bucket is full again.
        retry_after_s: Whole seconds until there is a token, for one who was refused.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after_s: int


def plan_rates(*, enterprise_per_minute: int) -> dict[Plan, Rate]:
    """The published rate of each plan; each takes twice as much at once."""
    per_minute = {Plan.FREE: 10, Plan.PRO: 100, Plan.ENTERPRISE: enterprise_per_minute}
    return {plan: twice_at_once(rate) for plan, rate in per_minute.items()}


def twice_at_once(per_minute: int) -> Rate:
    return Rate(per_minute, burst=2 * per_minute)


class Buckets:
    """The buckets of this process. Those that are full are dropped: a full bucket is a new one."""

    def __init__(self) -> None:
        self._full_at_us: dict[str, int] = {}
        self._sweep_at = _SWEEP_AT_LEAST

    def __len__(self) -> int:
        return len(self._full_at_us)

    def take(self, name: str, rate: Rate, *, now: datetime) -> Standing:
        """Take a token out of a bucket, if there is one."""
        now_us = _microseconds(now)
        full_at_us = self._full_at(name, rate, now_us)
        allowed = full_at_us + rate.interval_us <= now_us + rate.capacity_us
        if allowed:
            full_at_us += rate.interval_us
        self._full_at_us[name] = full_at_us
        if len(self._full_at_us) >= self._sweep_at:
            self._sweep(now_us)
        return _standing(rate, full_at_us, now_us, allowed=allowed)

    def look(self, name: str, rate: Rate, *, now: datetime) -> Standing:
        """How a bucket stands, with nothing taken out."""
        now_us = _microseconds(now)
        return _standing(rate, self._full_at(name, rate, now_us), now_us, allowed=True)

    def _full_at(self, name: str, rate: Rate, now_us: int) -> int:
        """Never later than that of an empty bucket, so that a clock set back locks nobody out."""
        known = self._full_at_us.get(name, now_us)
        return min(max(known, now_us), now_us + rate.capacity_us)

    def _sweep(self, now_us: int) -> None:
        """Drop the full ones; done each time their number has doubled, so it costs next to nothing."""
        self._full_at_us = {name: at_us for name, at_us in self._full_at_us.items() if at_us > now_us}
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._full_at_us))


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * _SECOND_US)


def _standing(rate: Rate, full_at_us: int, now_us: int, *, allowed: bool) -> Standing:
    there_us = rate.capacity_us - (full_at_us - now_us)
    return Standing(
        allowed=allowed,
        limit=rate.per_minute,
        remaining=there_us // rate.interval_us,
        reset_at=-(-full_at_us // _SECOND_US),
        retry_after_s=max(0, -((there_us - rate.interval_us) // _SECOND_US)),
    )
