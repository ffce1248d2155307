"""A worker's side of webhook deliveries: what it works with, and its queue by hand."""

import random
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from support.app import Account, SettableClock
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import DeliveryId, NoteId
from vocafuse_server.core.keys import GivenKeys
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.storage.outbound import GuardedClient
from vocafuse_server.webhooks.delivery import DeliveryContext, deliver
from vocafuse_server.webhooks.events import EventKind, Noun
from vocafuse_server.webhooks.outbox import announce
from vocafuse_server.webhooks.places import Places

BOX = SecretBox(GivenKeys([b"k" * 48]))
DISABLE_AFTER = timedelta(days=5)


def delivery_context(
    database: Database,
    client: GuardedClient,
    clock: SettableClock,
    *,
    retry_delays_s: Sequence[float] = (5.0, 30.0),
    places: int = 8,
    box: SecretBox = BOX,
) -> DeliveryContext:
    """What one worker process makes deliveries with."""
    return DeliveryContext(
        database,
        JobQueue(),
        client,
        Places(places),
        box,
        timeout_s=2,
        retry_delays_s=retry_delays_s,
        disable_after=DISABLE_AFTER,
        clock=clock,
        rng=random.Random(0),
    )


async def tell(database: Database, account: Account, note_id: NoteId, clock: SettableClock) -> None:
    """Announce a transcribed note to the tenant's webhooks."""
    async with database.transaction() as session:
        await announce(
            session,
            JobQueue(),
            tenant_id=account.id,
            note_id=note_id,
            kind=EventKind.TRANSCRIBED,
            payloads={noun: {noun.value: {"id": str(note_id)}} for noun in Noun},
            now=clock(),
        )


async def run_next_delivery(context: DeliveryContext, clock: SettableClock) -> bool:
    """Move the clock to the delivery job that is due next and run it; False if there is none."""
    async with context.database.transaction() as session:
        job = (await session.execute(text(_NEXT_JOB))).one_or_none()
        if job is None:
            return False
        await session.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": job.id})
    if job.scheduled_at is not None:
        clock.now = max(clock.now, job.scheduled_at)
    await deliver(context, DeliveryId(UUID(job.args["delivery_id"])), attempt=job.args["attempt"])
    return True


_NEXT_JOB = """
SELECT id, args, scheduled_at FROM procrastinate_jobs WHERE task_name = 'deliver_webhook'
ORDER BY scheduled_at NULLS FIRST, id LIMIT 1
"""

# Deliveries of a webhook that were given up, without a receiver.
MANY_FAILED = """
INSERT INTO webhook_deliveries
  (id, tenant_id, webhook_id, event, payload, status, attempts, created_at, updated_at)
SELECT gen_random_uuid(), :tenant, CAST(:webhook AS uuid), 'voicenote.created', '{}', 'failed', 9, :at, :at
FROM generate_series(1, :count)
"""
