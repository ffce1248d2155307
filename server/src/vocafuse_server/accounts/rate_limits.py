"""How often a caller may ask: a token bucket for each tenant, and for each user of a token.

The buckets are kept by GCRA (https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): all there is of
one is the time at which it will be full again. Times are integer microseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Network, ip_address

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.clock import Clock

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_SWEEP_AT_LEAST = 1024
_IPV6_SITE_BITS = 64  # One subscriber has all addresses of such a network.


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `burst` tokens into which `per_minute` flow."""

    per_minute: int
    burst: int

    @property
    def interval_us(self) -> int:
        """How long one token takes."""
        return -(-_MINUTE_US // self.per_minute)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands.

    Attributes:
        allowed: Whether there was a token for this request.
        limit: Requests per minute.
        remaining: Whole tokens that are left now.
        reset_at: Epoch second at which the bucket is full again.
        retry_after_s: Whole seconds until there is a token; 0 if there is one.
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
        allowed = full_at_us - now_us <= (rate.burst - 1) * rate.interval_us
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
        return min(max(known, now_us), now_us + rate.burst * rate.interval_us)

    def _sweep(self, now_us: int) -> None:
        """Drop the full ones; done each time their number has doubled, so it costs next to nothing."""
        self._full_at_us = {name: at_us for name, at_us in self._full_at_us.items() if at_us > now_us}
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._full_at_us))


class RateLimiter:
    """The rate limits of all who ask.

    Args:
        rates: What each plan allows.
        strangers: How many refusals an address gets from which no valid credentials came.
    """

    def __init__(self, rates: Mapping[Plan, Rate], *, strangers: Rate, clock: Clock) -> None:
        self._rates = rates
        self._strangers = strangers
        self._clock = clock
        self._callers = Buckets()
        self._addresses = Buckets()

    async def take(self, caller: Caller) -> Standing:
        """Count a request of a caller."""
        rate = self._rates[caller.plan]
        name = str(caller.tenant_id)
        if caller.identity is not None:
            name = f"{name}:{caller.identity}"
        return self._callers.take(name, rate, now=self._clock())

    def refuse(self, address: str | None) -> Standing:
        """Count a refusal of a request that came without valid credentials."""
        return self._addresses.take(_site(address), self._strangers, now=self._clock())

    def look(self, address: str | None) -> Standing:
        """How an address stands."""
        return self._addresses.look(_site(address), self._strangers, now=self._clock())


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * _SECOND_US)


def _standing(rate: Rate, full_at_us: int, now_us: int, *, allowed: bool) -> Standing:
    missing_us = full_at_us - now_us
    capacity_us = rate.burst * rate.interval_us
    return Standing(
        allowed=allowed,
        limit=rate.per_minute,
        remaining=(capacity_us - missing_us) // rate.interval_us,
        reset_at=-(-full_at_us // _SECOND_US),
        retry_after_s=max(0, -(-(missing_us + rate.interval_us - capacity_us) // _SECOND_US)),
    )


def _site(address: str | None) -> str:
    """Where an address belongs: of IPv6, its subscriber's network."""
    if address is None or ":" not in address:
        return address or "unknown"
    try:
        return str(IPv6Network((int(ip_address(address)), _IPV6_SITE_BITS), strict=False))
    except ValueError:
        return address
