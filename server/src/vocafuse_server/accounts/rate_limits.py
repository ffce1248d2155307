"""How often a caller may ask: a bucket of tokens for each tenant, and for each user of a token."""

from collections.abc import Mapping
from ipaddress import IPv6Network, ip_address

from vocafuse_server.accounts.buckets import Buckets, Rate, Standing, plan_rates, twice_at_once
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.shared_buckets import SharedBuckets
from vocafuse_server.core.clock import Clock
from vocafuse_server.core.settings import Settings

_IPV6_SITE_BITS = 64  # One subscriber has all addresses of such a network.


class RateLimiter:
    """The rate limits of all who ask.

    Args:
        rates: What each plan allows.
        shared: Where callers are counted for all processes; None if this one is the only one. While it
            can't be reached, each process counts by itself.
        strangers: How many refusals an address gets from which no valid credentials came.
    """

    def __init__(
        self,
        rates: Mapping[Plan, Rate],
        *,
        strangers: Rate,
        clock: Clock,
        shared: SharedBuckets | None = None,
    ) -> None:
        self._rates = rates
        self._shared = shared
        self._strangers = strangers
        self._clock = clock
        self._callers = Buckets()
        self._addresses = Buckets()

    async def take(self, caller: Caller) -> Standing:
        """Count a request of a caller."""
        name = str(caller.tenant_id)
        if caller.identity is not None:
            name = f"{name}:{caller.identity}"
        now = self._clock()
        if self._shared is not None:
            standing = await self._shared.take(name, caller.plan, now=now)
            if standing is not None:
                return standing
        return self._callers.take(name, self._rates[caller.plan], now=now)

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()

    def refuse(self, address: str | None) -> Standing:
        """Count a refusal of a request that came without valid credentials."""
        return self._addresses.take(_site(address), self._strangers, now=self._clock())

    def look(self, address: str | None) -> Standing:
        """How an address stands."""
        return self._addresses.look(_site(address), self._strangers, now=self._clock())


def open_rate_limiter(settings: Settings, clock: Clock) -> RateLimiter:
    """The rate limits that the settings name."""
    rates = plan_rates(enterprise_per_minute=settings.rate_limit_per_minute)
    url = settings.rate_limit_store_url
    return RateLimiter(
        rates,
        strangers=twice_at_once(settings.rate_limit_strangers_per_minute),
        clock=clock,
        shared=None if url is None else SharedBuckets(url, rates),
    )


def _site(address: str | None) -> str:
    """Where an address belongs: of IPv6, its subscriber's network."""
    if address is None or ":" not in address:
        return address or "unknown"
    try:
        return str(IPv6Network((int(ip_address(address)), _IPV6_SITE_BITS), strict=False))
    except ValueError:
        return address
