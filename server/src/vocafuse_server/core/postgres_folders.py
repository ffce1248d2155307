"""The folders of the embedded Postgres: made, its own alone, and reached by the user that it runs as."""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

import structlog

from vocafuse_server.core.errors import StartupError

log = structlog.get_logger(__name__)

_MAX_SOCKET_PATH_BYTES = 100  # The kernel allows 107 for the whole path of a Unix socket.


def socket_folder(folder: Path) -> Path:
    """The socket's folder: beside the cluster, or in the temporary folder if that path is too long."""
    beside = folder.with_name(f"{folder.name}-socket")
    if len(os.fsencode(beside)) <= _MAX_SOCKET_PATH_BYTES - len("/.s.PGSQL.5432"):
        return beside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"vocafuse-{os.geteuid()}-{digest}"


def prepare_folders(cluster: Path, socket_dir: Path, programs: Path, *, user: str | None) -> None:
    """Make the folders of a cluster and of its socket, and let the server reach them.

    Args:
        user: Whom the server runs as, made when missing; None for the user of this process.

    Raises:
        StartupError: The socket's folder belongs to somebody else, or the user can't be made.
    """
    cluster.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is not None:
        _ensure_service_user(user)
    _check_owner(socket_dir, user)
    if user is None:
        return
    for owned in (cluster, socket_dir):
        shutil.chown(owned, user)
    for reached in (cluster, socket_dir, programs):
        _let_through(reached)


def _check_owner(folder: Path, user: str | None) -> None:
    """Make sure that a socket's folder is ours alone: whoever reaches the socket is let in.

    One in the shared temporary folder could have been made by somebody else beforehand.
    """
    found = folder.lstat()
    ours = {os.geteuid()} if user is None else {os.geteuid(), pwd.getpwnam(user).pw_uid}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise StartupError(
            f"The folder {folder} for the database's socket belongs to somebody else: remove it."
        )
    folder.chmod(0o700)


def _ensure_service_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        log.info("making an OS user for the database, which can't run as root", user=name)
        command = [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise StartupError(
                f"Postgres can't run as root and the OS user '{name}' could not be made:"
                " start this as another user, or make that user first."
            ) from error


def _let_through(path: Path) -> None:
    """Let other users pass (not list, not read) the folders above `path`, and say so.

    As root, Postgres runs as a user of its own and must be able to reach its files.
    """
    for parent in path.parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
            log.warning(
                "folder opened for passing through, so that the database's own OS user reaches its files",
                folder=str(parent),
                mode_before=f"{mode:04o}",
                mode_now=f"{mode | stat.S_IXOTH:04o}",
            )
