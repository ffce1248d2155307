"""The commands about webhooks: subscriptions, what was sent to them, sending it again."""

from __future__ import annotations

from typing import Annotated

import typer

from vocafuse._cli import printing
from vocafuse._cli.arguments import AsJson, Limit, PageNumber, examples
from vocafuse._cli.deliveries import ALL_EVENTS
from vocafuse._cli.session import open_client

_FIELDS = ("id", "status", "url", "events")
_DELIVERY_FIELDS = ("id", "event", "status", "attempt_count", "created_at")
_DELIVERY_TITLES = ("ID", "EVENT", "STATUS", "ATTEMPTS", "CREATED (UTC)", "LAST ANSWER")

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="The webhook's id.")]
Url = Annotated[str | None, typer.Option(help="Where the events are sent.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", metavar="EVENT", help="May be repeated; else all of them.")
]
Secret = Annotated[str | None, typer.Option(help="Signs the payloads; else a random one.")]

webhooks = typer.Typer(
    help="Who is told of events, and what came of it.", no_args_is_help=True, rich_markup_mode=None
)


@webhooks.command("list", epilog=examples("vocafuse webhooks list", "vocafuse webhooks list --json"))
def list_webhooks(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="active or disabled.")] = None,
    limit: Limit = None,
    page: PageNumber = None,
    as_json: AsJson = False,
) -> None:
    """List the webhooks, the newest first."""
    with open_client(context) as client:
        found = client.webhooks.list(status=status, limit=limit, page=page)
    if as_json:
        printing.print_json(found.to_dict())
    else:
        rows = [[one.id, one.status, one.url, ",".join(one.events)] for one in found]
        printing.print_rows([name.upper() for name in _FIELDS], rows, total=found.total)


@webhooks.command(
    "create",
    epilog=examples("vocafuse webhooks create https://example.com/hook --event voicenote.transcribed"),
)
def create_webhook(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the events are sent.")],
    event: Events = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Subscribe a URL to events. The secret is shown this once."""
    with open_client(context) as client:
        made = client.webhooks.create(url=url, events=event or ALL_EVENTS, secret=secret)
    if as_json:
        printing.print_json(made.to_dict())
    else:
        printing.print_fields({name: made.get(name) for name in ("id", "url", "events", "secret")})
        printing.hint(f"The secret is shown this once. To try it: vocafuse webhooks test {made.id}")


@webhooks.command(
    "update",
    epilog=examples(
        "vocafuse webhooks update ID --status disabled",
        "vocafuse webhooks update ID --event voicenote.failed",
    ),
)
def update_webhook(
    context: typer.Context,
    webhook_id: WebhookId,
    url: Url = None,
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="EVENT", help="May be repeated; they replace the old ones."),
    ] = None,
    status: Annotated[str | None, typer.Option(help="active or disabled.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a webhook's URL or events; disable it, or enable it again."""
    if url is None and event is None and status is None:
        raise typer.BadParameter("one of them is needed", param_hint="--url, --event or --status")
    with open_client(context) as client:
        changed = client.webhooks.update(webhook_id, url=url, events=event, status=status)
    if as_json:
        printing.print_json(changed.to_dict())
    else:
        printing.print_fields({name: changed.get(name) for name in _FIELDS})


@webhooks.command("delete", epilog=examples("vocafuse webhooks delete ID"))
def delete_webhook(context: typer.Context, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Delete a webhook, and the log of its deliveries with it."""
    with open_client(context) as client:
        client.webhooks.delete(webhook_id)
    if as_json:
        printing.print_json({"deleted": webhook_id})
    else:
        printing.print_line(webhook_id)


@webhooks.command("rotate-secret", epilog=examples("vocafuse webhooks rotate-secret ID"))
def rotate_secret(
    context: typer.Context, webhook_id: WebhookId, secret: Secret = None, as_json: AsJson = False
) -> None:
    """Replace a webhook's secret; the old one signs along for 24 hours."""
    with open_client(context) as client:
        changed = client.webhooks.rotate_secret(webhook_id, secret=secret)
    if as_json:
        printing.print_json(changed.to_dict())
    else:
        printing.print_fields({name: changed.get(name) for name in ("id", "secret")})


@webhooks.command(
    "deliveries",
    epilog=examples(
        "vocafuse webhooks deliveries ID --status failed", "vocafuse webhooks deliveries ID --json"
    ),
)
def list_deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    limit: Limit = None,
    page: PageNumber = None,
    as_json: AsJson = False,
) -> None:
    """List what was sent to a webhook, the newest first, and what came of it."""
    with open_client(context) as client:
        found = client.webhooks(webhook_id).deliveries.list(status=status, limit=limit, page=page)
    if as_json:
        printing.print_json(found.to_dict())
        return
    rows: list[list[object]] = []
    for one in found:
        last = one.attempts[-1] if one.attempts else None
        answer = None if last is None else last.status_code or last.error
        rows.append([*(one.get(name) for name in _DELIVERY_FIELDS), answer])
    printing.print_rows(_DELIVERY_TITLES, rows, total=found.total)


@webhooks.command("test", epilog=examples("vocafuse webhooks test ID"))
def send_test(context: typer.Context, webhook_id: WebhookId, as_json: AsJson = False) -> None:
    """Send a test event; `deliveries` says what came of it."""
    with open_client(context) as client:
        sent = client.webhooks.test(webhook_id)
    if as_json:
        printing.print_json(sent.to_dict())
    else:
        printing.print_line(sent.id)
        printing.hint(f"On its way. What came of it: vocafuse webhooks deliveries {webhook_id}")


@webhooks.command(
    "replay",
    epilog=examples(
        "vocafuse webhooks replay ID --delivery DELIVERY", "vocafuse webhooks replay ID --since 2026-05-01"
    ),
)
def replay_deliveries(
    context: typer.Context,
    webhook_id: WebhookId,
    delivery: Annotated[str | None, typer.Option(help="Send this one again, whatever came of it.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Send again all that was given up from this day or moment (UTC) on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send deliveries again, with the same ids and bodies."""
    if (since is None) == (delivery is None):
        raise typer.BadParameter("one of the two is needed", param_hint="--since or --delivery")
    with open_client(context) as client:
        deliveries = client.webhooks(webhook_id).deliveries
        if delivery is not None:
            found = deliveries.redeliver(delivery)
            told: object = found.id
        else:
            found = deliveries.redeliver_failed(since=since or "")
            told = found.deliveries_count
    if as_json:
        printing.print_json(found.to_dict())
    else:
        printing.print_line(told)
