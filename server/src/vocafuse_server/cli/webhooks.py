"""`vocafuse-server webhooks`: sending again what receivers missed."""

import asyncio
from datetime import datetime, timezone
from typing import Annotated
from uuid import UUID

import typer

from vocafuse_server.cli.conventions import AsJson, command_settings, examples, plain, print_json
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ApiError, StartupError
from vocafuse_server.core.ids import DeliveryId, WebhookId
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.local_database import migrated_database
from vocafuse_server.webhooks.errors import WebhookNotFound
from vocafuse_server.webhooks.models import Webhook
from vocafuse_server.webhooks.outbox import redeliver, require_active
from vocafuse_server.webhooks.replay import Replay, run_replay

command = plain("What is sent to the accounts' webhooks.")


@command.callback()
def root() -> None:
    """Makes this a group, though it has one command."""


@command.command(
    "replay",
    epilog=examples(
        "vocafuse-server webhooks replay 0199… --since 2026-05-01T12:00:00",
        "vocafuse-server webhooks replay 0199… --delivery 0199…",
    ),
)
def replay(
    webhook: Annotated[UUID, typer.Argument(help="The webhook's id.")],
    since: Annotated[
        datetime | None, typer.Option(help="Send again all that was given up from then (UTC) on.")
    ] = None,
    delivery: Annotated[UUID | None, typer.Option(help="Send this one again, whatever came of it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send deliveries again, with the same ids and bodies; a worker makes them."""
    if (since is None) == (delivery is None):
        raise typer.BadParameter("one of the two is needed", param_hint="--since or --delivery")
    with migrated_database(command_settings()) as database_url:
        try:
            count = asyncio.run(_replay(database_url, WebhookId(webhook), delivery, since))
        except ApiError as error:
            raise StartupError(error.message) from error
    if as_json:
        print_json({"webhook_id": str(webhook), "deliveries_count": count})
    else:
        typer.echo(f"{count} {'delivery is' if count == 1 else 'deliveries are'} on the way again.")


async def _replay(
    database_url: str, webhook_id: WebhookId, delivery_id: UUID | None, since: datetime | None
) -> int:
    database, queue, now = Database(database_url, pool_size=1), JobQueue(), utc_now()
    try:
        async with database.transaction() as session:
            webhook = await session.get(Webhook, webhook_id)
            if webhook is None:
                raise WebhookNotFound
            if since is None:
                known_id = None if delivery_id is None else DeliveryId(delivery_id)
                await redeliver(session, queue, webhook, known_id, now=now)
                return 1
            require_active(webhook)
        span = Replay(webhook_id, since.replace(tzinfo=timezone.utc), until=now)
        return await run_replay(database, queue, span, clock=utc_now)
    finally:
        await database.close()
