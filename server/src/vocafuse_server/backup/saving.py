"""Writing a backup, also while the server runs.

The database comes first, from one snapshot; then the audio of the notes in it. Audio never changes
once it is there, and while the snapshot is open none is deleted, so the two belong together. Keys are
read last: they open all that was ever locked with them.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from vocafuse_server import __version__
from vocafuse_server.backup import progress
from vocafuse_server.backup.archive import (
    AUDIO,
    DATABASE,
    FILES,
    FORMAT,
    ArchiveWriter,
    Manifest,
    Sink,
    writing,
)
from vocafuse_server.backup.queries import Snapshot, snapshot_of
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.data_dir import AUDIO_FOLDER, POSTGRES_FOLDER
from vocafuse_server.core.errors import StartupError
from vocafuse_server.local_database import LOCK_FILE

# What is in a backup in another form, or made anew by the next start. Whatever else there is, is kept.
_LEFT_OUT = {
    *(POSTGRES_FOLDER, f"{POSTGRES_FOLDER}-socket", f"{POSTGRES_FOLDER}.log"),
    *(AUDIO_FOLDER, LOCK_FILE, "models", "run"),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """What went into a backup.

    Attributes:
        missing: Keys of audio that notes should have and the data directory doesn't.
    """

    manifest: Manifest
    missing: tuple[str, ...]


def save(data_dir: Path, database_url: str, sink: Sink, *, pg_dump: Path) -> Saved:
    """Write everything that the data directory holds, its database included.

    Raises:
        StartupError: There is nothing, or the database can't be read.
        OSError: The sink or a file failed.
    """
    with snapshot_of(database_url) as snapshot:
        if snapshot is None:
            raise StartupError(f"There is nothing to back up in {data_dir}: no server has run on it yet.")
        manifest = Manifest(
            format=FORMAT,
            made_by=__version__,
            made_at=utc_now().isoformat(timespec="seconds"),
            schema=snapshot.schema,
            audio_files=snapshot.audio_files,
            audio_bytes=snapshot.audio_bytes,
        )
        with writing(sink, manifest) as archive:
            _save_database(archive, database_url, snapshot, pg_dump)
            missing = _save_audio(archive, data_dir / AUDIO_FOLDER, snapshot)
            for path in _kept_files(data_dir):
                with path.open("rb") as file:
                    _add_open(archive, f"{FILES}/{path.relative_to(data_dir)}", file)
    return Saved(manifest, tuple(missing))


def _save_database(archive: ArchiveWriter, database_url: str, snapshot: Snapshot, pg_dump: Path) -> None:
    command = [
        str(pg_dump),
        *("--format", "custom", "--compress", "gzip:1"),
        *("--no-owner", "--no-privileges"),
        *("--snapshot", snapshot.name),
        *("--dbname", database_url),
    ]
    with (
        progress.step("Database", None) as advance,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as dump,
    ):
        for size in archive.add_pieces(DATABASE, cast("IO[bytes]", dump.stdout)):
            advance(size)
        said = b"" if dump.stderr is None else dump.stderr.read()
    if dump.returncode != 0:
        raise StartupError(f"The database could not be read: {said.decode(errors='replace').strip()}")


def _save_audio(archive: ArchiveWriter, folder: Path, snapshot: Snapshot) -> list[str]:
    missing: list[str] = []
    with progress.step("Audio", snapshot.audio_bytes) as advance:
        for key in snapshot.audio_keys():
            try:
                file = (folder / key).open("rb")
            except FileNotFoundError:
                missing.append(key)
                continue
            with file:
                advance(_add_open(archive, f"{AUDIO}/{key}", file))
    return missing


def _add_open(archive: ArchiveWriter, name: str, file: IO[bytes]) -> int:
    size = os.fstat(file.fileno()).st_size
    archive.add(name, size, file)
    return size


def _kept_files(data_dir: Path) -> Iterator[Path]:
    for path in sorted(data_dir.rglob("*")):
        parts = path.relative_to(data_dir).parts
        is_temporary = any(part.startswith(".") for part in parts)
        if parts[0] not in _LEFT_OUT and not is_temporary and path.is_file() and not path.is_symlink():
            yield path
