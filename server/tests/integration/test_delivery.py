"""Deliveries to a real listener: signed, recorded, tried again, given up."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from support.app import Account, SettableClock
from support.deliveries import BOX, DISABLE_AFTER, delivery_context
from support.listener import Listener
from support.locks import process_waiting_in
from support.metrics import Scrape

from vocafuse import RequestValidator
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DeliveryId, NoteId, new_uuid
from vocafuse_server.core.keys import GivenKeys
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.storage.outbound import AddressGuard, GuardedClient
from vocafuse_server.webhooks.delivery import DeliveryContext, deliver
from vocafuse_server.webhooks.events import EventKind, Noun
from vocafuse_server.webhooks.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    Webhook,
    WebhookStatus,
)
from vocafuse_server.webhooks.outbox import announce
from vocafuse_server.webhooks.queries import webhooks_to_tell
from vocafuse_server.webhooks.sealing import open_secret
from vocafuse_server.webhooks.service import (
    WebhookChanges,
    create_webhook,
    delete_webhook,
    rotate_secret,
    update_webhook,
)
from vocafuse_server.webhooks.signing import standard_signature

LOOPBACK = (ip_network("127.0.0.0/8"),)
DELAYS_S = (5.0, 30.0)
NOTE = NoteId(new_uuid())


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    client = GuardedClient(AddressGuard(LOOPBACK), max_connections=4)
    yield client
    await client.close()


@pytest.fixture
def context(database: Database, client: GuardedClient, clock: SettableClock) -> DeliveryContext:
    return delivery_context(database, client, clock, retry_delays_s=DELAYS_S)


async def tell(session: AsyncSession, context: DeliveryContext, account: Account) -> None:
    """Announce a transcribed note to the tenant's webhooks."""
    await announce(
        session,
        context.queue,
        tenant_id=account.id,
        note_id=NOTE,
        kind=EventKind.TRANSCRIBED,
        payloads={noun: {noun.value: {"text": "schön"}} for noun in Noun},
        now=context.clock(),
    )


async def announced(context: DeliveryContext, account: Account, url: str) -> tuple[Webhook, DeliveryId]:
    """A webhook and one delivery on its way to it."""
    async with context.database.transaction() as session:
        webhook = await create_webhook(
            session,
            BOX,
            account.id,
            url=url,
            events=["voicenote.transcribed"],
            secret=None,
            now=context.clock(),
        )
        await tell(session, context, account)
    async with context.database.transaction() as session:
        delivery_id = await session.scalar(select(Delivery.id))
    assert delivery_id is not None
    return webhook, delivery_id


async def state(context: DeliveryContext) -> tuple[DeliveryStatus, int, list[tuple[int | None, str | None]]]:
    """The delivery's status, its attempts, and what came of each."""
    async with context.database.transaction() as session:
        delivery = (await session.scalars(select(Delivery))).one()
        attempts = await session.execute(
            select(DeliveryAttempt.status_code, DeliveryAttempt.error).order_by(DeliveryAttempt.number)
        )
        return delivery.status, delivery.attempts, [(row[0], row[1]) for row in attempts]


async def scheduled(context: DeliveryContext) -> list[datetime | None]:
    """When each job on the queue is due; None: at once."""
    async with context.database.transaction() as session:
        query = text(
            "SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = 'deliver_webhook' ORDER BY id"
        )
        return list(await session.scalars(query))


async def test_a_delivery_is_signed_and_recorded(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, delivery_id = await announced(context, account, listener.url)
    await deliver(context, delivery_id, attempt=1)
    received = listener.next()
    assert RequestValidator(open_secret(BOX, webhook)).validate(
        received.body, received.headers["X-VocaFuse-Signature"]
    )
    assert received.payload == {
        "event": "voicenote.transcribed",
        "timestamp": int(context.clock().timestamp()),
        "voicenote": {"text": "schön"},
    }
    assert received.headers["X-VocaFuse-Delivery-ID"] == str(delivery_id)
    assert await state(context) == (DeliveryStatus.DELIVERED, 1, [(200, None)])
    shown = Scrape(context.metrics.render())
    assert shown.value("vocafuse_webhook_attempt_duration_seconds_count", outcome="delivered") == 1


async def test_a_job_that_runs_twice_delivers_once(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    await deliver(context, delivery_id, attempt=1)
    await deliver(context, delivery_id, attempt=1)
    await deliver(context, delivery_id, attempt=2)
    listener.next()
    assert listener.received.empty()


async def test_failures_are_tried_again_later_and_then_given_up(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    for attempt, answer in enumerate((500, 301, 404), start=1):
        listener.answers.put(answer)
        await deliver(context, delivery_id, attempt=attempt)
    assert await state(context) == (DeliveryStatus.FAILED, 3, [(500, None), (301, None), (404, None)])
    first, *retries = await scheduled(context)
    assert first is None
    waits = [when - context.clock() for when in retries if when is not None]
    assert timedelta(seconds=4.5) <= waits[0] <= timedelta(seconds=5.5)
    assert timedelta(seconds=27) <= waits[1] <= timedelta(seconds=33)
    assert len(retries) == 2
    bodies = {
        (one.headers["X-VocaFuse-Delivery-ID"], one.body) for one in (listener.next() for _ in range(3))
    }
    assert len(bodies) == 1
    shown = Scrape(context.metrics.render())
    assert shown.value("vocafuse_webhook_attempt_duration_seconds_count", outcome="refused") == 3
    assert shown.value("vocafuse_webhook_deliveries_abandoned_total") == 1


async def test_a_receiver_that_is_not_there_is_a_failed_attempt(
    context: DeliveryContext, account: Account
) -> None:
    _, delivery_id = await announced(context, account, "http://127.0.0.1:9/")
    await deliver(context, delivery_id, attempt=1)
    status, attempts, [(code, error)] = await state(context)
    assert (status, attempts, code) == (DeliveryStatus.PENDING, 1, None)
    assert error
    shown = Scrape(context.metrics.render())
    assert shown.value("vocafuse_webhook_attempt_duration_seconds_count", outcome="unreachable") == 1
    assert shown.value("vocafuse_webhook_deliveries_abandoned_total") == 0


async def test_an_address_that_turned_private_is_not_called(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    strict = GuardedClient(AddressGuard(), max_connections=4)
    await deliver(replace(context, client=strict), delivery_id, attempt=1)
    await strict.close()
    assert listener.received.empty()
    assert (await state(context))[2] == [(None, "the URL leads to a private or reserved address")]


async def test_without_the_key_of_its_secret_nothing_is_sent(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    keyless = replace(context, box=SecretBox(GivenKeys([b"x" * 48])))
    await deliver(keyless, delivery_id, attempt=1)
    assert listener.received.empty()
    assert (await state(context))[2] == [
        (None, "not sent: the server can't read the webhook's secret; replace it")
    ]
    await deliver(context, delivery_id, attempt=2)
    assert listener.next().headers["X-VocaFuse-Delivery-ID"] == str(delivery_id)


async def test_replaced_secrets_sign_for_a_day(
    context: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    webhook, delivery_id = await announced(context, account, listener.url)
    first = open_secret(BOX, webhook)
    newer: list[str] = []
    for _ in range(2):
        async with context.database.transaction() as session:
            rotated = await rotate_secret(session, BOX, account.id, webhook.id, secret=None, now=clock())
        newer.insert(0, open_secret(BOX, rotated))
        clock.advance(timedelta(hours=1))
    signers = [(0, [*newer, first]), (22, newer), (1, newer[:1])]
    for attempt, (hours, signing) in enumerate(signers, start=1):
        clock.advance(timedelta(hours=hours))
        listener.answers.put(500)
        await deliver(context, delivery_id, attempt=attempt)
        received = listener.next()
        assert RequestValidator(newer[0]).validate(received.body, received.headers["X-VocaFuse-Signature"])
        assert received.headers["webhook-signature"].split(" ") == [
            standard_signature(
                secret, received.body, message_id=str(delivery_id), timestamp=int(clock().timestamp())
            )
            for secret in signing
        ]


async def test_a_disabled_webhook_gets_nothing_more(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, delivery_id = await announced(context, account, listener.url)
    async with context.database.transaction() as session:
        changes = WebhookChanges(status=WebhookStatus.DISABLED)
        await update_webhook(session, BOX, account.id, webhook.id, changes, now=context.clock())
    await deliver(context, delivery_id, attempt=1)
    assert listener.received.empty()
    assert await state(context) == (DeliveryStatus.FAILED, 0, [])


async def fail_a_delivery(context: DeliveryContext, account: Account, listener: Listener) -> None:
    """Announce a note, and answer all attempts with 500."""
    async with context.database.transaction() as session:
        await tell(session, context, account)
    async with context.database.transaction() as session:
        delivery_id = (await session.scalars(select(Delivery.id).order_by(Delivery.id.desc()).limit(1))).one()
    for attempt in range(1, len(DELAYS_S) + 2):
        listener.answers.put(500)
        await deliver(context, delivery_id, attempt=attempt)
        listener.next()


async def webhook_status(context: DeliveryContext) -> WebhookStatus:
    async with context.database.transaction() as session:
        return (await session.scalars(select(Webhook.status))).one()


async def test_a_webhook_that_fails_for_days_is_disabled(
    context: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    webhook, waiting = await announced(context, account, listener.url)
    await fail_a_delivery(context, account, listener)
    clock.advance(DISABLE_AFTER - timedelta(seconds=1))
    await fail_a_delivery(context, account, listener)
    assert await webhook_status(context) is WebhookStatus.ACTIVE
    clock.advance(timedelta(seconds=1))
    await fail_a_delivery(context, account, listener)
    assert await webhook_status(context) is WebhookStatus.DISABLED
    await deliver(context, waiting, attempt=1)
    async with context.database.transaction() as session:
        await tell(session, context, account)  # nobody listens any more
    async with context.database.transaction() as session:
        assert set(await session.scalars(select(Delivery.status))) == {DeliveryStatus.FAILED}
        assert len((await session.scalars(select(Delivery.id))).all()) == 4
        changes = WebhookChanges(status=WebhookStatus.ACTIVE)
        await update_webhook(session, BOX, account.id, webhook.id, changes, now=clock())
    await fail_a_delivery(context, account, listener)  # and it has its five days again
    assert await webhook_status(context) is WebhookStatus.ACTIVE
    assert listener.received.empty()


async def test_a_webhook_that_takes_something_now_and_then_stays(
    context: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    await fail_a_delivery(context, account, listener)
    clock.advance(DISABLE_AFTER - timedelta(days=1))
    await deliver(context, delivery_id, attempt=1)
    clock.advance(timedelta(days=1))
    await fail_a_delivery(context, account, listener)
    assert await webhook_status(context) is WebhookStatus.ACTIVE


async def test_one_failed_attempt_after_silent_days_is_not_enough(
    context: DeliveryContext, account: Account, listener: Listener, clock: SettableClock
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    listener.answers.put(500)
    await deliver(context, delivery_id, attempt=1)
    clock.advance(DISABLE_AFTER)
    listener.answers.put(500)
    await deliver(context, delivery_id, attempt=2)
    assert await webhook_status(context) is WebhookStatus.ACTIVE


async def test_what_is_told_at_the_moment_of_disabling_ends(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, first = await announced(context, account, listener.url)
    async with context.database.transaction() as session:
        await tell(session, context, account)
        async with context.database.transaction() as other:
            changes = WebhookChanges(status=WebhookStatus.DISABLED)
            await update_webhook(other, BOX, account.id, webhook.id, changes, now=context.clock())
    async with context.database.transaction() as session:
        second = (await session.scalars(select(Delivery.id).where(Delivery.id != first))).one()
    await deliver(context, second, attempt=1)
    async with context.database.transaction() as session:
        assert list(await session.scalars(select(Delivery.status))) == [DeliveryStatus.FAILED] * 2
    assert listener.received.empty()


async def test_a_changed_url_gets_what_was_on_its_way(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, delivery_id = await announced(context, account, "http://127.0.0.1:9/")
    await deliver(context, delivery_id, attempt=1)
    async with context.database.transaction() as session:
        changes = WebhookChanges(url=listener.url)
        await update_webhook(session, BOX, account.id, webhook.id, changes, now=context.clock())
    await deliver(context, delivery_id, attempt=2)
    assert listener.next().headers["X-VocaFuse-Delivery-ID"] == str(delivery_id)


async def test_a_webhook_deleted_while_it_is_told_breaks_nothing(
    context: DeliveryContext, account: Account
) -> None:
    webhook, _ = await announced(context, account, "http://127.0.0.1:9/")

    async def delete() -> None:
        async with context.database.transaction() as session:
            await delete_webhook(session, account.id, webhook.id)

    async with context.database.transaction() as session:
        await webhooks_to_tell(session, account.id, ["voicenote.transcribed"])
        deleting = asyncio.create_task(delete())
        await process_waiting_in(context.database, "DELETE FROM webhooks")
        await tell(session, context, account)
    await deleting
    async with context.database.transaction() as session:
        assert (await session.scalars(select(Delivery.id))).all() == []


async def test_a_deleted_webhook_gets_nothing_more(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, delivery_id = await announced(context, account, listener.url)
    async with context.database.transaction() as session:
        await delete_webhook(session, account.id, webhook.id)
    await deliver(context, delivery_id, attempt=1)
    assert listener.received.empty()


async def test_a_receiver_without_a_free_place_is_tried_later(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    webhook, delivery_id = await announced(context, account, listener.url)
    with context.places.taken(webhook):
        await deliver(context, delivery_id, attempt=1)
    assert listener.received.empty()
    assert await state(context) == (DeliveryStatus.PENDING, 0, [])
    _, put_off = await scheduled(context)
    assert put_off is not None
    assert timedelta(seconds=1) <= put_off - context.clock() <= timedelta(seconds=1.5)
    async with context.database.transaction() as session:
        assert list(await session.scalars(select(Delivery.next_attempt_at))) == [put_off]
    await deliver(context, delivery_id, attempt=1)
    assert (await state(context))[:2] == (DeliveryStatus.DELIVERED, 1)


async def test_the_payload_is_kept_as_it_is_signed(
    context: DeliveryContext, account: Account, listener: Listener
) -> None:
    _, delivery_id = await announced(context, account, listener.url)
    await deliver(context, delivery_id, attempt=1)
    async with context.database.transaction() as session:
        payload = (await session.scalars(select(Delivery.payload))).one()
    received = listener.next()
    assert received.body == payload.encode()
    assert json.loads(payload)["voicenote"]["text"] == "schön"
