"""The data directory and the small secret files in it."""

import os
import secrets
from pathlib import Path

from vocafuse_server.core.errors import StartupError

POSTGRES_FOLDER = "postgres"
AUDIO_FOLDER = "audio"
# Where a restore puts things together; there only while one is made, or after one that was cut off.
RESTORING_FOLDER = ".restoring"


def prepare_data_dir(folder: Path) -> None:
    """Make the data directory if it isn't there, and make sure that it can be written.

    Raises:
        StartupError: It can't be made or written.
    """
    try:
        # As root the embedded Postgres runs as another user, which has to pass through.
        folder.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StartupError(
            f"The data directory {folder} can't be written ({error.strerror}):"
            " set VOCAFUSE_DATA_DIR to a folder that can."
        ) from error
    if (folder / RESTORING_FOLDER).exists():
        raise StartupError(
            f"A restore into {folder} was cut off, so it isn't whole: empty the folder, and restore again."
        )


def write_secret(path: Path, text: str) -> None:
    """Write a new file that only its owner can read, all at once.

    Raises:
        FileExistsError: There is one already; it stays as it is.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.link(temporary, path)  # Unlike a rename, this never replaces another process's file.
        sync_folder(path.parent)
    finally:
        temporary.unlink()


def replace_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in place of the one that is there: whoever reads it, and
    whatever breaks off meanwhile, it is there and whole."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    write_secret(new, text)
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to it that the names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
