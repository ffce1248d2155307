"""`vocafuse-server restore`: a data directory made of a backup."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated

import typer

from vocafuse_server.backup.archive import verify
from vocafuse_server.backup.restoring import check_empty, check_schema, restore
from vocafuse_server.cli.backup import STREAM, contents_of, embedded_settings
from vocafuse_server.cli.conventions import AsJson, examples, plain, print_json, tell
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.errors import StartupError
from vocafuse_server.local_database import sole_owner

command = plain()


@command.command(epilog=examples("VOCAFUSE_DATA_DIR=/srv/notes vocafuse-server restore notes.tar"))
def restore_command(
    file: Annotated[str, typer.Argument(help="What `backup` wrote; - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Fill an empty data directory from a backup that this release or an earlier one made."""
    settings = embedded_settings()
    check_empty(settings.data_dir)
    with _input(file) as source:
        if file != STREAM:
            check_schema(verify(source))
            source.seek(0)
        prepare_data_dir(settings.data_dir)
        with sole_owner(settings.data_dir):
            check_empty(settings.data_dir)
            try:
                manifest = restore(settings.data_dir, source)
            except OSError as error:
                raise StartupError(f"The backup can't be restored ({error.strerror}).") from error
    if as_json:
        print_json(asdict(manifest))
        return
    tell(f"{contents_of(manifest)} of {manifest.made_at} restored into {settings.data_dir}.")


@contextmanager
def _input(file: str) -> Generator[IO[bytes]]:
    if file == STREAM:
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise StartupError(f"The backup {file} can't be read ({error.strerror}).") from error
