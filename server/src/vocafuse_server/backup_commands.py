"""`vocafuse-server backup` and `restore`: everything of the embedded set-up in one file, and back."""

import os
import secrets
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Annotated

import typer

from vocafuse_server.backup.archive import Manifest, verify
from vocafuse_server.backup.restoring import check_empty, check_schema, restore
from vocafuse_server.backup.saving import save
from vocafuse_server.command_line import AsJson, command_settings, print_json, tell
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings
from vocafuse_server.local_database import database_of, postgres_of, sole_owner

_STREAM = "-"
_TOLD_MISSING = 10


def backup_command(
    file: Annotated[str, typer.Argument(help="Where to write it; - for standard output.")],
    as_json: AsJson = False,
) -> None:
    """Write the database, the audio and the keys into one file, also while the server runs."""
    if as_json and file == _STREAM:
        raise typer.BadParameter("can't go where the backup goes: name a file", param_hint="--json")
    settings = _embedded_settings()
    postgres = postgres_of(settings)
    if not (postgres.folder / "PG_VERSION").exists():
        raise StartupError(
            f"There is nothing to back up in {settings.data_dir}: no server has run on it yet."
        )
    with database_of(settings) as database_url, _output(file) as output:
        saved = save(settings.data_dir, database_url, output, pg_dump=postgres.program("pg_dump"))
    if as_json:
        print_json({**_fields(saved.manifest), "missing": list(saved.missing)})
        return
    for key in saved.missing[:_TOLD_MISSING]:
        tell(f"Not there, although a note should have it: {key}")
    if saved.missing:
        tell(f"The audio of {len(saved.missing)} notes was not there; all else is in the backup.")
    target = "standard output" if file == _STREAM else file
    tell(f"Backup of {_of(saved.manifest)} written to {target}. It holds keys and secrets: keep it safe.")


def restore_command(
    file: Annotated[str, typer.Argument(help="What `backup` wrote; - for standard input.")],
    as_json: AsJson = False,
) -> None:
    """Fill an empty data directory from a backup; damaged ones and those of later releases are refused."""
    settings = _embedded_settings()
    check_empty(settings.data_dir)
    with _input(file) as source:
        if file != _STREAM:
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
        print_json(_fields(manifest))
        return
    tell(f"{_of(manifest)} of {manifest.made_at} restored into {settings.data_dir}.")


def _embedded_settings() -> Settings:
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
        if file != _STREAM:
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


@contextmanager
def _input(file: str) -> Generator[IO[bytes]]:
    if file == _STREAM:
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise StartupError(f"The backup {file} can't be read ({error.strerror}).") from error


def _of(manifest: Manifest) -> str:
    return f"{manifest.audio_files} notes' audio ({manifest.audio_bytes / 1e6:.1f} MB) and the database"


def _fields(manifest: Manifest) -> dict[str, object]:
    return asdict(manifest)
