"""`vocafuse-server backup`: everything of the embedded set-up in one file."""

import os
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated

import typer

from vocafuse_server.backup.archive import Manifest
from vocafuse_server.backup.saving import save
from vocafuse_server.cli.conventions import AsJson, command_settings, examples, plain, print_json, tell
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings
from vocafuse_server.local_database import database_of, postgres_of

command = plain()

STREAM = "-"
"""What stands for the standard streams where a file is named."""
_TOLD_MISSING = 10


@command.command(
    epilog=examples(
        "vocafuse-server backup notes.tar", "vocafuse-server backup - | ssh elsewhere 'cat > notes.tar'"
    )
)
def backup(
    file: Annotated[str, typer.Argument(help="Where to write it; - for standard output.")],
    as_json: AsJson = False,
) -> None:
    """Write the database, the audio and the keys into one file, also while the server runs."""
    if as_json and file == STREAM:
        raise typer.BadParameter("can't go where the backup goes: name a file", param_hint="--json")
    settings = embedded_settings()
    postgres = postgres_of(settings)
    if not (postgres.folder / "PG_VERSION").exists():
        raise StartupError(
            f"There is nothing to back up in {settings.data_dir}: no server has run on it yet."
        )
    with database_of(settings) as database_url, _output(file) as output:
        saved = save(settings.data_dir, database_url, output, pg_dump=postgres.program("pg_dump"))
    if as_json:
        print_json({**asdict(saved.manifest), "missing": list(saved.missing)})
        return
    for key in saved.missing[:_TOLD_MISSING]:
        tell(f"Not there, although a note should have it: {key}")
    if saved.missing:
        tell(f"The audio of {len(saved.missing)} notes was not there; all else is in the backup.")
    target = "standard output" if file == STREAM else file
    written = f"Backup of {contents_of(saved.manifest)} written to {target}."
    tell(f"{written} It holds keys and secrets: keep it safe.")


def embedded_settings() -> Settings:
    """The settings, of a server that keeps everything in its data directory.

    Raises:
        StartupError: It keeps its database or its audio elsewhere.
    """
    settings = command_settings()
    for name, value, way_out in (
        ("VOCAFUSE_DATABASE_URL", settings.database_url, "use pg_dump and pg_restore"),
        ("VOCAFUSE_STORAGE_URL", settings.storage_url, "use your store's own versions or copies"),
    ):
        if value is not None:
            raise StartupError(f"{name} is set, and this is for the data directory only: {way_out} for it.")
    return settings


@contextmanager
def _output(file: str) -> Generator[IO[bytes]]:
    """Where the backup is written: a file has its name once it is whole, and never before."""
    try:
        if file != STREAM:
            with _new_file(Path(file)) as output:
                yield output
            return
        if sys.stdout.isatty():
            raise StartupError("A backup can't be shown on a terminal: name a file, or pipe it somewhere.")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        raise StartupError(f"The backup can't be written to {file} ({error.strerror}).") from error


@contextmanager
def _new_file(path: Path) -> Generator[IO[bytes]]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as output:
            yield output
            output.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def contents_of(manifest: Manifest) -> str:
    """What a backup holds, for a person."""
    return f"{manifest.audio_files} notes' audio ({manifest.audio_bytes / 1e6:.1f} MB) and the database"
