"""A receiver that doesn't answer: left alone by all workers, called again, and nothing lost by it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import func, select
from support.app import Account, SettableClock
from support.deliveries import delivery_context, run_next_delivery, tell
from support.listener import Listener

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DeliveryId, NoteId, WebhookId, new_uuid
from vocafuse_server.core.settings import WEBHOOK_RETRY_DELAYS_S
from vocafuse_server.storage.outbound import AddressGuard, GuardedClient
from vocafuse_server.webhooks.breaker import OPENS_AFTER, RESTS_S, lease
from vocafuse_server.webhooks.breaker_queries import claim_probe
from vocafuse_server.webhooks.delivery import DeliveryContext, deliver
from vocafuse_server.webhooks.models import Delivery, DeliveryAttempt, DeliveryStatus, Webhook, WebhookStatus
from vocafuse_server.webhooks.outbox import redeliver, send_test
from vocafuse_server.webhooks.service import WebhookChanges, create_webhook, update_webhook

LOOPBACK = (ip_network("127.0.0.0/8"),)
FIRST_REST = timedelta(seconds=RESTS_S[0])
SCHEDULE = timedelta(seconds=sum(WEBHOOK_RETRY_DELAYS_S))


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    client = GuardedClient(AddressGuard(LOOPBACK), max_connections=8)
    yield client
    await client.close()


@pytest.fixture
def worker(database: Database, client: GuardedClient, clock: SettableClock) -> DeliveryContext:
    return delivery_context(database, client, clock, retry_delays_s=WEBHOOK_RETRY_DELAYS_S, places=64)


@pytest.fixture
def other_worker(database: Database, client: GuardedClient, clock: SettableClock) -> DeliveryContext:
    return delivery_context(database, client, clock, retry_delays_s=WEBHOOK_RETRY_DELAYS_S, places=64)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody else listens on it, and refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def subscribe(worker: DeliveryContext, account: Account, url: str) -> Webhook:
    async with worker.database.transaction() as session:
        return await create_webhook(
            session,
            worker.box,
            account.id,
            url=url,
            events=["voicenote.transcribed"],
            secret=None,
            now=worker.clock(),
        )


async def on_their_way(
    worker: DeliveryContext, account: Account, clock: SettableClock, count: int
) -> list[DeliveryId]:
    """So many new deliveries, oldest first."""
    for _ in range(count):
        await tell(worker.database, account, NoteId(new_uuid()), clock)
    async with worker.database.transaction() as session:
        return list(await session.scalars(select(Delivery.id).order_by(Delivery.id)))[-count:]


async def opened(
    worker: DeliveryContext, account: Account, clock: SettableClock, listener: Listener
) -> Webhook:
    """A webhook whose receiver has just been found not to answer."""
    webhook = await subscribe(worker, account, listener.url)
    for delivery_id in await on_their_way(worker, account, clock, OPENS_AFTER):
        listener.answers.put(503)
        await deliver(worker, delivery_id, attempt=1)
        listener.next()
    return webhook


async def load(worker: DeliveryContext, delivery_id: DeliveryId) -> Delivery:
    async with worker.database.transaction() as session:
        return (await session.scalars(select(Delivery).where(Delivery.id == delivery_id))).one()


async def rests_until(worker: DeliveryContext, webhook_id: WebhookId) -> datetime | None:
    async with worker.database.transaction() as session:
        return await session.scalar(select(Webhook.rests_until).where(Webhook.id == webhook_id))


async def test_all_workers_put_off_what_is_due_while_a_receiver_rests(
    worker: DeliveryContext,
    other_worker: DeliveryContext,
    account: Account,
    listener: Listener,
    clock: SettableClock,
) -> None:
    webhook = await opened(worker, account, clock, listener)
    assert await rests_until(worker, webhook.id) == clock() + FIRST_REST
    for delivery_id in await on_their_way(worker, account, clock, 6):
        for one in (worker, other_worker):
            await deliver(one, delivery_id, attempt=1)
        put_off = await load(worker, delivery_id)
        assert (put_off.status, put_off.attempts) == (DeliveryStatus.PENDING, 0)
        assert put_off.next_attempt_at is not None
        assert FIRST_REST <= put_off.next_attempt_at - clock() <= 1.5 * FIRST_REST
    assert listener.received.empty()


async def test_one_delivery_sees_whether_the_receiver_is_back_and_the_others_follow(
    worker: DeliveryContext,
    other_worker: DeliveryContext,
    account: Account,
    listener: Listener,
    clock: SettableClock,
) -> None:
    webhook = await opened(worker, account, clock, listener)
    first, second, third = await on_their_way(worker, account, clock, 3)
    clock.advance(FIRST_REST)
    listener.gate.clear()
    probe = asyncio.create_task(deliver(worker, first, attempt=1))
    await asyncio.to_thread(listener.next)
    await asyncio.gather(deliver(other_worker, second, attempt=1), deliver(worker, third, attempt=1))
    assert listener.received.empty()
    listener.gate.set()
    await probe
    assert await rests_until(worker, webhook.id) is None
    while await run_next_delivery(worker, clock):
        pass
    async with worker.database.transaction() as session:
        assert set(await session.scalars(select(Delivery.status))) == {DeliveryStatus.DELIVERED}
    assert listener.received.qsize() == OPENS_AFTER + 2


async def test_of_two_that_are_due_at_once_one_calls(
    worker: DeliveryContext,
    other_worker: DeliveryContext,
    account: Account,
    listener: Listener,
    clock: SettableClock,
) -> None:
    await opened(worker, account, clock, listener)
    waiting = await on_their_way(worker, account, clock, 4)
    clock.advance(FIRST_REST)
    for _ in waiting:
        listener.answers.put(503)
    workers = [worker, other_worker, worker, other_worker]
    await asyncio.gather(*(deliver(one, each, attempt=1) for one, each in zip(workers, waiting, strict=True)))
    listener.next()
    assert listener.received.empty()


async def test_an_attempt_that_fails_speaks_for_those_that_wait(
    worker: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    await opened(worker, account, clock, listener)
    waiting, probing = await on_their_way(worker, account, clock, 2)
    await deliver(worker, waiting, attempt=1)
    clock.advance(FIRST_REST)
    listener.answers.put(503)
    await deliver(worker, probing, attempt=1)
    listener.next()
    await deliver(worker, waiting, attempt=1)
    assert listener.received.empty()
    counted = await load(worker, waiting)
    assert (counted.status, counted.attempts, counted.waiting_since) == (DeliveryStatus.PENDING, 1, None)
    assert counted.next_attempt_at is not None
    assert 4.5 <= (counted.next_attempt_at - clock()).total_seconds() <= 5.5
    async with worker.database.transaction() as session:
        logged = select(DeliveryAttempt).where(DeliveryAttempt.delivery_id == waiting)
        attempt = (await session.scalars(logged)).one()
    assert attempt.error == (
        "not called: the receiver was called for another delivery at 2026-03-14T12:00:05Z and did not answer"
    )
    assert (attempt.status_code, attempt.duration_ms) == (None, 0)


async def test_when_a_receiver_is_dead_for_hours_nothing_is_lost_and_little_is_called(
    worker: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    await subscribe(worker, account, listener.url)
    sent = await on_their_way(worker, account, clock, 12)
    dead_until, calls = clock() + timedelta(hours=4), 0
    while clock() < dead_until and await next_is_before(worker, dead_until):
        listener.answers.put(504)
        await run_next_delivery(worker, clock)
        calls += listener.received.qsize()
        drain(listener)
    drain(listener)
    while await run_next_delivery(worker, clock):
        pass
    async with worker.database.transaction() as session:
        states = list(await session.execute(select(Delivery.status, Delivery.attempts)))
    assert {row.status for row in states} == {DeliveryStatus.DELIVERED}
    ids = [listener.next().headers["webhook-id"] for _ in sent]
    assert sorted(ids) == sorted(str(one) for one in sent)
    assert all(row.attempts <= len(WEBHOOK_RETRY_DELAYS_S) + 1 for row in states)
    assert calls < len(sent) * 3  # without a breaker, seven for each


async def next_is_before(worker: DeliveryContext, moment: datetime) -> bool:
    async with worker.database.transaction() as session:
        due = await session.scalar(
            select(func.min(Delivery.next_attempt_at)).where(Delivery.status == DeliveryStatus.PENDING)
        )
    return due is not None and due < moment


def drain(listener: Listener) -> None:
    for kept in (listener.received, listener.answers):
        while not kept.empty():
            kept.get_nowait()


async def test_a_receiver_that_stays_dead_gets_the_published_attempts_in_the_published_time(
    worker: DeliveryContext, account: Account, closed_port: int, clock: SettableClock
) -> None:
    await subscribe(worker, account, f"http://127.0.0.1:{closed_port}/")
    begun = clock()
    await on_their_way(worker, account, clock, 10)
    while await run_next_delivery(worker, clock):
        pass
    async with worker.database.transaction() as session:
        states = list(await session.execute(select(Delivery.status, Delivery.attempts, Delivery.updated_at)))
        called = await session.scalar(
            select(func.count()).where(DeliveryAttempt.error.not_like("not called:%"))
        )
        schedule = select(DeliveryAttempt).order_by(DeliveryAttempt.delivery_id, DeliveryAttempt.number)
        attempts = list(await session.scalars(schedule))
    assert {(row.status, row.attempts) for row in states} == {(DeliveryStatus.FAILED, 9)}
    # Each attempt is put off by two rests at most, with the half as much again that spreads them.
    put_off = 9 * 2 * 1.5 * timedelta(seconds=RESTS_S[-1])
    assert all(0.9 * SCHEDULE <= row.updated_at - begun <= 1.1 * SCHEDULE + put_off for row in states)
    assert called is not None
    assert OPENS_AFTER + 8 <= called <= 50  # of 90
    real = sorted(one.created_at for one in attempts if not (one.error or "").startswith("not called"))
    for one in attempts:
        assert any(one.created_at - timedelta(minutes=8) <= at <= one.created_at for at in real)


async def test_a_worker_that_dies_while_it_probes_holds_nobody_up_for_long(
    worker: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    webhook = await opened(worker, account, clock, listener)
    clock.advance(FIRST_REST)
    until = lease(clock(), timeout_s=worker.timeout_s)
    async with worker.database.transaction() as session:
        assert await claim_probe(session, webhook.id, now=clock(), until=until)
    [delivery_id] = await on_their_way(worker, account, clock, 1)
    await deliver(worker, delivery_id, attempt=1)
    assert listener.received.empty()
    clock.now = until
    await deliver(worker, delivery_id, attempt=1)
    assert listener.next().headers["webhook-id"] == str(delivery_id)
    assert (await load(worker, delivery_id)).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("by", ["test", "redelivery", "url", "status"])
async def test_what_somebody_does_about_it_ends_the_rest(
    worker: DeliveryContext, account: Account, listener: Listener, clock: SettableClock, by: str
) -> None:
    webhook = await opened(worker, account, clock, listener)
    [delivery_id] = await on_their_way(worker, account, clock, 1)
    await deliver(worker, delivery_id, attempt=1)
    async with worker.database.transaction() as session:
        if by == "test":
            delivery_id = (await send_test(session, worker.queue, webhook, now=clock())).id
        elif by == "redelivery":
            await redeliver(session, worker.queue, webhook, delivery_id, now=clock())
        elif by == "url":
            changes = WebhookChanges(url=f"{listener.url}/new")
            await update_webhook(session, worker.box, account.id, webhook.id, changes, now=clock())
        else:
            changes = WebhookChanges(status=WebhookStatus.ACTIVE)
            await update_webhook(session, worker.box, account.id, webhook.id, changes, now=clock())
    await deliver(worker, delivery_id, attempt=1)
    assert listener.next().headers["webhook-id"] == str(delivery_id)
    assert await rests_until(worker, webhook.id) is None


async def test_a_receiver_that_answers_is_called_however_often_it_refuses(
    worker: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    webhook = await subscribe(worker, account, listener.url)
    for delivery_id in await on_their_way(worker, account, clock, 3 * OPENS_AFTER):
        listener.answers.put(500)
        await deliver(worker, delivery_id, attempt=1)
        listener.next()
    assert await rests_until(worker, webhook.id) is None
