"""`vocafuse-server migrate`: the schema of this release."""

import typer

from vocafuse_server.cli.conventions import AsJson, command_settings, examples, plain, print_json
from vocafuse_server.local_database import migrated_database
from vocafuse_server.schema import head_revision

command = plain()


@command.command(epilog=examples("VOCAFUSE_DATABASE_URL=postgresql://… vocafuse-server migrate"))
def migrate(as_json: AsJson = False) -> None:
    """Bring the database's schema up to date, also while the version before serves."""
    with migrated_database(command_settings()):
        revision = head_revision()
    if as_json:
        print_json({"schema": revision})
    else:
        typer.echo(f"The database is up to date ({revision}).")
