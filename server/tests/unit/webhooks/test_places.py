"""Sharing a worker's places among endpoints and tenants."""

from collections import Counter
from contextlib import AbstractContextManager, ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.app import NOON

from vocafuse_server.core.ids import TenantId, WebhookId, new_uuid
from vocafuse_server.webhooks.models import Webhook, WebhookStatus
from vocafuse_server.webhooks.places import MAX_WAIT_S, MIN_WAIT_S, SLOW_S, Places


class Seconds:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_webhook(tenant_id: TenantId) -> Webhook:
    return Webhook(
        id=WebhookId(new_uuid()),
        tenant_id=tenant_id,
        url="https://example.com/hook",
        events=["voicenote.created"],
        secret="s",
        status=WebhookStatus.ACTIVE,
        created_at=NOON,
        updated_at=NOON,
    )


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def take_all(places: Places, webhook: Webhook, stack: ExitStack) -> int:
    """Take every place that the webhook can have, until the stack is closed; how many."""
    taken = 0
    while places.wait_s(webhook) is None:
        stack.enter_context(places.taken(webhook))
        taken += 1
    return taken


def capacity(places: Places, webhook: Webhook) -> int:
    with ExitStack() as stack:
        return take_all(places, webhook, stack)


def test_an_endpoint_gets_an_eighth_and_a_slow_one_less(seconds: Seconds) -> None:
    places, webhook = Places(64, now=seconds), make_webhook(TenantId(new_uuid()))
    assert capacity(places, webhook) == 8
    with places.taken(webhook):
        seconds.now += SLOW_S + 0.1
    assert capacity(places, webhook) == 2
    with places.taken(webhook):
        seconds.now += SLOW_S - 0.1
    assert capacity(places, webhook) == 8


def test_with_few_places_everybody_has_one() -> None:
    assert capacity(Places(1), make_webhook(TenantId(new_uuid()))) == 1


def test_a_tenant_gets_half_with_all_its_endpoints(seconds: Seconds) -> None:
    places, tenant = Places(64, now=seconds), TenantId(new_uuid())
    with ExitStack() as stack:
        taken = [take_all(places, make_webhook(tenant), stack) for _ in range(6)]
        assert taken == [8, 8, 8, 8, 0, 0]
        assert capacity(places, make_webhook(TenantId(new_uuid()))) == 8


def test_hanging_endpoints_leave_places_for_the_others(seconds: Seconds) -> None:
    places = Places(64, now=seconds)
    hanging = [make_webhook(TenantId(new_uuid())) for _ in range(20)]
    for webhook in hanging:
        with places.taken(webhook):
            seconds.now += 10
    with ExitStack() as stack:
        assert sum(take_all(places, webhook, stack) for webhook in hanging) == 40
        assert capacity(places, make_webhook(TenantId(new_uuid()))) == 8


def test_who_is_put_off_is_lined_up_at_the_pace_of_the_endpoint(seconds: Seconds) -> None:
    places, webhook = Places(64, now=seconds), make_webhook(TenantId(new_uuid()))
    with places.taken(webhook):
        seconds.now += 10  # so it gets two places, and one is free every five seconds
    with ExitStack() as stack:
        take_all(places, webhook, stack)
        waits = [places.wait_s(webhook) for _ in range(3)]
        assert waits == [10, 15, 20]  # after the one for whom `take_all` looked in vain
        assert {places.wait_s(webhook) for _ in range(100)} <= {*range(25, 301, 5)}
        assert places.wait_s(webhook) == MAX_WAIT_S


def test_a_quick_endpoint_keeps_nobody_waiting_for_long(seconds: Seconds) -> None:
    places, webhook = Places(64, now=seconds), make_webhook(TenantId(new_uuid()))
    with places.taken(webhook):
        seconds.now += 0.05
    with ExitStack() as stack:
        take_all(places, webhook, stack)
        assert [places.wait_s(webhook) for _ in range(100)] == [MIN_WAIT_S] * 100


def test_a_place_comes_back_whatever_happens() -> None:
    places, webhook = Places(8), make_webhook(TenantId(new_uuid()))
    with pytest.raises(RuntimeError), places.taken(webhook):
        raise RuntimeError
    assert capacity(places, webhook) == 1


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.floats(0, 20)), max_size=100))
def test_no_order_of_things_breaks_a_limit(steps: list[tuple[int, bool, float]]) -> None:
    seconds, tenants = Seconds(), [TenantId(new_uuid()) for _ in range(2)]
    places = Places(16, now=seconds)
    webhooks = [make_webhook(tenants[number % 2]) for number in range(6)]
    held: list[tuple[int, AbstractContextManager[None]]] = []
    for number, come, passes_s in steps:
        seconds.now += passes_s
        if come:
            wait_s = places.wait_s(webhooks[number])
            assert wait_s is None or MIN_WAIT_S <= wait_s <= MAX_WAIT_S
            if wait_s is None:
                place = places.taken(webhooks[number])
                place.__enter__()
                held.append((number, place))
        elif held:
            held.pop(number % len(held))[1].__exit__(None, None, None)
        assert all(busy <= 2 for busy in Counter(number for number, _ in held).values())
        assert all(busy <= 8 for busy in Counter(number % 2 for number, _ in held).values())
