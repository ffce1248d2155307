"""Rate limits: buckets that do what a bucket of tokens does, whatever comes."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.accounts.buckets import Buckets, Rate, plan_rates
from vocafuse_server.accounts.callers import Caller
from vocafuse_server.accounts.models import Plan
from vocafuse_server.accounts.rate_limits import RateLimiter
from vocafuse_server.core.ids import TenantId, new_uuid

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
STEP = timedelta(microseconds=1)

rates = st.builds(Rate, per_minute=st.integers(1, 20_000), burst=st.integers(1, 50))
# Pauses as they matter: none, less than a token takes, some tokens, more than a whole bucket.
pauses = st.lists(
    st.one_of(st.just(0), st.integers(0, 1_000_000), st.integers(0, 400_000_000)), min_size=1, max_size=80
).map(lambda us: [timedelta(microseconds=one) for one in us])


class Bucket:
    """The model: tokens that are there, and what of the next one has flowed in."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.flowed_us = rate.burst * rate.interval_us

    def flow(self, pause: timedelta) -> None:
        self.flowed_us += pause // STEP
        self.flowed_us = min(self.flowed_us, self.rate.burst * self.rate.interval_us)

    @property
    def tokens(self) -> int:
        return self.flowed_us // self.rate.interval_us

    def take(self) -> bool:
        if not self.tokens:
            return False
        self.flowed_us -= self.rate.interval_us
        return True


@given(rate=rates, pauses=pauses)
def test_it_is_a_bucket_of_tokens(rate: Rate, pauses: list[timedelta]) -> None:
    buckets, model, now = Buckets(), Bucket(rate), NOON
    for pause in pauses:
        now += pause
        model.flow(pause)
        assert buckets.look("a", rate, now=now).remaining == model.tokens
        standing = buckets.take("a", rate, now=now)
        assert standing.allowed == model.take()
        assert standing.remaining == model.tokens
        assert standing.limit == rate.per_minute
        missing = timedelta(microseconds=rate.burst * rate.interval_us - model.flowed_us)
        assert 0 <= standing.reset_at - (now + missing).timestamp() < 1


@given(rate=rates, pauses=pauses)
def test_no_minute_has_more_than_the_rate_and_the_burst(rate: Rate, pauses: list[timedelta]) -> None:
    buckets, now = Buckets(), NOON
    allowed: list[datetime] = []
    for pause in pauses:
        now += pause
        if buckets.take("a", rate, now=now).allowed:
            allowed.append(now)
    for start in allowed:
        within = [at for at in allowed if start <= at < start + timedelta(minutes=1)]
        assert len(within) <= rate.burst + rate.per_minute


@given(rate=rates)
def test_who_waits_as_told_is_let_in(rate: Rate) -> None:
    buckets = Buckets()
    for _ in range(rate.burst):
        assert buckets.take("a", rate, now=NOON).allowed
    refused = buckets.take("a", rate, now=NOON)
    assert not refused.allowed
    assert refused.retry_after_s == max(1, -(-rate.interval_us // 1_000_000))
    just_too_early = NOON + timedelta(microseconds=rate.interval_us) - STEP
    assert not buckets.take("a", rate, now=just_too_early).allowed
    assert buckets.take("a", rate, now=NOON + timedelta(seconds=refused.retry_after_s)).allowed


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    buckets, rate = Buckets(), Rate(60, burst=3)
    for _ in range(3):
        assert buckets.take("a", rate, now=NOON + timedelta(days=1)).allowed
    refused = buckets.take("a", rate, now=NOON)
    assert (refused.allowed, refused.retry_after_s) == (False, 1)
    assert buckets.take("a", rate, now=NOON + timedelta(seconds=1)).allowed


def test_a_tenant_that_changes_its_plan_is_held_to_the_new_one() -> None:
    buckets, slow, fast = Buckets(), Rate(1, burst=2), Rate(6000, burst=100)
    for _ in range(2):
        assert buckets.take("a", slow, now=NOON).allowed
    assert buckets.take("a", slow, now=NOON).retry_after_s == 60
    assert not buckets.take("a", fast, now=NOON).allowed
    assert buckets.take("a", fast, now=NOON + timedelta(milliseconds=10)).allowed


def test_idle_buckets_are_dropped() -> None:
    buckets, rate = Buckets(), Rate(60, burst=10)
    now = NOON
    for number in range(20_000):
        now += timedelta(milliseconds=10)  # each is full again after 100 others
        buckets.take(str(number), rate, now=now)
    assert len(buckets) <= 1024
    for _ in range(10):
        buckets.take("busy", rate, now=now)
    for number in range(2000):
        buckets.take(f"other {number}", rate, now=now)
    assert not buckets.take("busy", rate, now=now).allowed


def test_the_plans_are_as_published() -> None:
    assert plan_rates(enterprise_per_minute=6000) == {
        Plan.FREE: Rate(10, 20),
        Plan.PRO: Rate(100, 200),
        Plan.ENTERPRISE: Rate(6000, 12000),
    }


@pytest.fixture
def limiter() -> RateLimiter:
    def clock() -> datetime:
        return NOON

    return RateLimiter(plan_rates(enterprise_per_minute=6000), strangers=Rate(60, 2), clock=clock)


@pytest.fixture
def caller() -> Callable[[str | None], Caller]:
    tenant_id = TenantId(new_uuid())
    return lambda identity: Caller(tenant_id, identity, frozenset(), Plan.FREE)


async def test_a_tenant_and_each_of_its_users_have_a_bucket_of_their_own(
    limiter: RateLimiter, caller: Callable[[str | None], Caller]
) -> None:
    for _ in range(20):
        assert (await limiter.take(caller("u1"))).allowed
    assert not (await limiter.take(caller("u1"))).allowed
    assert (await limiter.take(caller("u2"))).remaining == 19
    assert (await limiter.take(caller(None))).remaining == 19


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),  # one subscriber's network
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unix:x", "unix:x", True),
        (None, None, True),
    ],
)
def test_strangers_are_told_apart_by_their_network(
    limiter: RateLimiter, first: str | None, second: str | None, same: bool
) -> None:
    for _ in range(2):
        assert limiter.refuse(first).allowed
    assert limiter.look(second).remaining == (0 if same else 2)
    assert limiter.refuse(second).allowed is not same
