"""The buckets of rate limits in Redis or Valkey, for any number of API processes."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from throttled.asyncio import RateLimitResult, RedisStore, per_min
from throttled.asyncio.rate_limiter import GCRARateLimiter
from throttled.exceptions import StoreUnavailableError

from vocafuse_server.accounts.buckets import Rate, Standing
from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

# A request waits no longer than this for the store; a healthy one answers in less than a millisecond.
_TIMEOUT_S = 0.25
_TRY_AGAIN_AFTER = timedelta(seconds=5)
_MAX_CONNECTIONS = 50


class _Store(RedisStore):
    """The library's store, which can be closed."""

    async def close(self) -> None:
        client = cast("Redis", self._backend.get_client())
        await client.aclose(close_connection_pool=True)


class SharedBuckets:
    """Buckets of which there is one for all processes, kept by the library `throttled-py`.

    It does GCRA in a script on the server, by the server's clock, so that requests that arrive
    anywhere at once are counted one after the other.

    Args:
        url: `redis://`, `rediss://` (TLS), `valkey://` or `valkeys://`.
        rates: What each plan allows.
    """

    def __init__(self, url: SecretStr, rates: Mapping[Plan, Rate]) -> None:
        self._store = _Store(
            server=re.sub("^valkey", "redis", url.get_secret_value()),
            options={
                "SOCKET_TIMEOUT": _TIMEOUT_S,
                "SOCKET_CONNECT_TIMEOUT": _TIMEOUT_S,
                "CONNECTION_POOL_CLASS": "redis.asyncio.BlockingConnectionPool",
                "CONNECTION_POOL_KWARGS": {
                    "max_connections": _MAX_CONNECTIONS,
                    "timeout": _TIMEOUT_S,
                    "retry": Retry(NoBackoff(), 1),  # Once, at once: the server may have been restarted.
                },
            },
        )
        self._limiters = {
            plan: (
                rate,
                GCRARateLimiter(per_min(rate.per_minute, rate.burst), self._store, key_prefix="vocafuse"),
            )
            for plan, rate in rates.items()
        }
        self._away_until: datetime | None = None

    async def take(self, name: str, plan: Plan, *, now: datetime) -> Standing | None:
        """Take a token out of a bucket, if there is one; None if the store can't be reached.

        After a failure the store is left alone for some seconds, so that requests don't wait for it.
        """
        if self._away_until is not None and now < self._away_until:
            return None
        rate, limiter = self._limiters[plan]
        try:
            result = await limiter.limit(name)
        except StoreUnavailableError:
            if self._away_until is None:
                log.warning("rate limit store unreachable: each process counts by itself", exc_info=True)
            self._away_until = now + _TRY_AGAIN_AFTER
            return None
        if self._away_until is not None:
            log.info("rate limit store is back")
            self._away_until = None
        return _standing(result, rate, now)

    async def close(self) -> None:
        await self._store.close()


def _standing(result: RateLimitResult, rate: Rate, now: datetime) -> Standing:
    state = result.state
    return Standing(
        allowed=not result.limited,
        limit=rate.per_minute,
        remaining=state.remaining,
        reset_at=math.ceil(now.timestamp() + state.reset_after),
        retry_after_s=max(1, math.ceil(state.retry_after)) if result.limited else 0,
    )
