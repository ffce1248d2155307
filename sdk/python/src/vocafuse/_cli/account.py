"""The commands about the account: its API keys, and what it used."""

from __future__ import annotations

from typing import Annotated

import typer

from vocafuse._cli import printing
from vocafuse._cli.arguments import AsJson, Limit, PageNumber, examples, split_commas
from vocafuse._cli.session import open_client

_KEY_FIELDS = ("id", "name", "key_prefix", "status", "last_used_at", "expires_at")
_KEY_TITLES = ("ID", "NAME", "BEGINS", "STATUS", "LAST USED (UTC)", "ENDS (UTC)")
_DAY_FIELDS = ("date", "voicenotes_count", "total_duration_seconds", "storage_used_bytes")
_DAY_TITLES = ("DAY", "NOTES", "SECONDS", "BYTES")

keys = typer.Typer(help="The account's API keys.", no_args_is_help=True, rich_markup_mode=None)


def add_commands(app: typer.Typer) -> None:
    """Puts the commands into the program."""
    app.add_typer(keys, name="keys")
    app.command("account", epilog=examples("vocafuse account", "vocafuse account --json"))(account_command)
    app.command("usage", epilog=examples("vocafuse usage --days 7", "vocafuse usage --json"))(usage_command)


@keys.command("list", epilog=examples("vocafuse keys list", "vocafuse keys list --status revoked"))
def list_keys(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="active, expired or revoked.")] = None,
    limit: Limit = None,
    page: PageNumber = None,
    as_json: AsJson = False,
) -> None:
    """List the API keys, the newest first; of the key itself only its beginning is shown."""
    with open_client(context) as client:
        found = client.api_keys.list(status=status, limit=limit, page=page)
    if as_json:
        printing.print_json(found.to_dict())
    else:
        rows = [[key.get(name) for name in _KEY_FIELDS] for key in found]
        printing.print_rows(_KEY_TITLES, rows, total=found.total)


@keys.command(
    "create",
    epilog=examples(
        "vocafuse keys create --name CI --scopes voicenotes:read,voicenotes:write",
        "vocafuse keys create --name trial --expires-at 2026-12-31 --json",
    ),
)
def create_key(
    context: typer.Context,
    name: Annotated[str | None, typer.Option(help="For people.")] = None,
    scopes: Annotated[
        str | None,
        typer.Option(help="What it allows, with commas between; else as much as the key in use."),
    ] = None,
    expires_at: Annotated[str | None, typer.Option(help="A day or moment (UTC); else never.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key pair. The secret is shown this once."""
    with open_client(context) as client:
        made = client.api_keys.create(name=name, scopes=split_commas(scopes), expires_at=expires_at)
    if as_json:
        printing.print_json(made.to_dict())
    else:
        printing.print_fields({name: made.get(name) for name in ("id", "api_key", "api_secret")})
        printing.hint("The secret is shown this once.")


@keys.command("revoke", epilog=examples("vocafuse keys revoke ID"))
def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")],
    as_json: AsJson = False,
) -> None:
    """Revoke an API key, for good. The one in use can't be revoked with itself."""
    with open_client(context) as client:
        client.api_keys.delete(key_id)
    if as_json:
        printing.print_json({"revoked": key_id})
    else:
        printing.print_line(key_id)


def account_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the account and what it used in this month and the last."""
    with open_client(context) as client:
        account = client.account.get()
    if as_json:
        printing.print_json(account.to_dict())
        return
    usage = account.usage
    printing.print_fields(
        {
            **{name: account.get(name) for name in ("id", "name", "email", "plan", "status", "created_at")},
            "notes_this_month": usage.current_month.voicenotes_count,
            "notes_last_month": usage.previous_month.voicenotes_count,
        }
    )


def usage_command(
    context: typer.Context,
    days: Annotated[int | None, typer.Option(help="How many, 1 to 366; else 30.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was used day by day, today (UTC) last."""
    with open_client(context) as client:
        found = client.account.usage(days=days)
    if as_json:
        printing.print_json([day.to_dict() for day in found])
    else:
        printing.print_rows(_DAY_TITLES, [[day.get(name) for name in _DAY_FIELDS] for day in found])
