"""`vocafuse-server console`: a link that signs in."""

import asyncio

import typer

from vocafuse_server.bootstrap import new_sign_in_code
from vocafuse_server.cli.conventions import AsJson, command_settings, examples, plain, print_json
from vocafuse_server.core.errors import StartupError
from vocafuse_server.greeting import console_address
from vocafuse_server.local_database import migrated_database

command = plain()


@command.command(epilog=examples("vocafuse-server console"))
def console(as_json: AsJson = False) -> None:
    """Print a link that signs in to the first tenant's console, once, within ten minutes."""
    settings = command_settings()
    with migrated_database(settings) as database_url:
        code = asyncio.run(new_sign_in_code(database_url))
    if code is None:
        raise StartupError(
            "The first tenant has no good API key; `vocafuse-server tenants new-key` makes another."
        )
    address = console_address(settings, code)
    if as_json:
        print_json({"url": address})
    else:
        typer.echo(address)
