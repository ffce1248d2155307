"""Making a data directory of a backup.

All of it is put together in a folder within the data directory, and takes its place there when it is
whole and sound: whatever goes wrong before leaves the data directory as empty as it was.
"""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from vocafuse_server.backup import progress
from vocafuse_server.backup.archive import (
    AUDIO,
    DATABASE,
    FILES,
    ArchiveReader,
    BackupUnusable,
    Manifest,
    Member,
    Source,
    reading,
)
from vocafuse_server.core.data_dir import AUDIO_FOLDER, POSTGRES_FOLDER, RESTORING_FOLDER
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.errors import StartupError
from vocafuse_server.local_database import LOCK_FILE
from vocafuse_server.schema import is_known_revision, migrate

_BUFFER_BYTES = 1024 * 1024


def check_empty(data_dir: Path) -> None:
    """Raises StartupError if there is anything in the data directory."""
    if data_dir.exists() and any(path.name != LOCK_FILE for path in data_dir.iterdir()):
        raise StartupError(
            f"The data directory {data_dir} is not empty, and a restore replaces nothing:"
            " set VOCAFUSE_DATA_DIR to another folder, or move this one out of the way."
        )


def check_schema(manifest: Manifest) -> None:
    """Raises BackupUnusable if the database in the backup is newer than this release knows."""
    if not is_known_revision(manifest.schema):
        raise BackupUnusable(
            f"The backup was made by release {manifest.made_by}, whose database (schema {manifest.schema})"
            " this one doesn't know: restore it with that release or a later one."
        )


def restore(data_dir: Path, source: Source) -> Manifest:
    """Fill an empty data directory, which exists and is locked, and bring its database up to date.

    Raises:
        StartupError: The backup can't be used, or the database doesn't take it.
        OSError: A file can't be written.
    """
    staging = data_dir / RESTORING_FOLDER
    staging.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700)
    try:
        manifest = _put_together(staging, source)
        os.sync()  # All is on the disk before any of it counts.
        # The database last: it is what makes a start take the folder for one with data in it.
        for path in sorted(staging.iterdir(), key=lambda path: path.name == POSTGRES_FOLDER):
            path.rename(data_dir / path.name)
    finally:
        shutil.rmtree(staging)
    return manifest


def _put_together(staging: Path, source: Source) -> Manifest:
    with reading(source) as reader:
        check_schema(reader.manifest)
        postgres = EmbeddedPostgres(staging / POSTGRES_FOLDER)
        postgres.start()
        try:
            postgres.ensure_database()
            _unpack(reader, staging, postgres)
            migrate(postgres.url())
        finally:
            postgres.stop()
        postgres.remove_traces()
        return reader.manifest


def _unpack(reader: ArchiveReader, staging: Path, postgres: EmbeddedPostgres) -> None:
    members = reader.members()
    following: Member | None = None
    with progress.step("Database", None) as advance, _pg_restore(postgres) as database:
        for member in members:
            if member.part != DATABASE:
                following = member
                break
            while data := member.content.read(_BUFFER_BYTES):
                database.write(data)
                advance(len(data))
    (staging / AUDIO_FOLDER).mkdir(mode=0o700)
    with progress.step("Audio", reader.manifest.audio_bytes) as advance:
        while following is not None:
            size = _write(staging, following)
            advance(size if following.part == AUDIO else 0)
            following = next(members, None)


@contextmanager
def _pg_restore(postgres: EmbeddedPostgres) -> Generator[IO[bytes]]:
    """Takes the output of `pg_dump`; all of it is in the database when the block has come to its end."""
    command = [
        str(postgres.program("pg_restore")),
        *("--exit-on-error", "--no-owner", "--no-privileges"),
        *("--dbname", postgres.url()),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        said = b""
        try:
            yield cast("IO[bytes]", program.stdin)
        except BrokenPipeError:
            said = b"it did not read to the end. "
        _, told = program.communicate()
    if program.returncode != 0 or said:
        reason = (said + told).decode(errors="replace").strip()
        raise BackupUnusable(f"The database in the backup can't be restored: {reason}")


def _write(staging: Path, member: Member) -> int:
    roots = {AUDIO: staging / AUDIO_FOLDER, FILES: staging}
    if member.part not in roots:
        raise BackupUnusable(f"The backup holds something unknown: {member.part}/{member.path}.")
    path = roots[member.part] / member.path
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while data := member.content.read(_BUFFER_BYTES):
            file.write(data)
        return file.tell()
