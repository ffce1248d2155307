"""Servers as operators have them: a Postgres of the distribution over TCP with a password, PgBouncer, S3."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import psycopg
from psycopg.conninfo import conninfo_to_dict

from support.ports import free_port
from support.waiting import wait_until
from vocafuse_server.core.embedded_postgres import programs_folder

USER = "notes"
DATABASE = "notes"


def postgres_programs() -> Path:
    """Debian's newest Postgres; where none is installed the one of the wheel, started as if it were one."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return installed[-1] if installed and (installed[-1] / "initdb").exists() else programs_folder()


class _Identity(TypedDict, total=False):
    """Whom a child process runs as, as `subprocess` takes it; in no group of ours."""

    user: int
    group: int
    extra_groups: Sequence[int]


def _unprivileged() -> _Identity:
    """Whom Postgres and PgBouncer run as, which refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "vocafuse", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}
    raise LookupError("no user to run Postgres as")


def _readable_folder(folder: Path) -> Path:
    """A folder that the server's user owns and can get to."""
    folder.mkdir(parents=True)
    identity = _unprivileged()
    if "user" in identity:
        shutil.chown(folder, identity["user"])
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o001)
    return folder


@contextmanager
def _running(command: Sequence[str | Path], folder: Path, url: str) -> Generator[None]:
    """A server in the foreground, once it answers at a database's URL, while the block runs."""
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, **_unprivileged()
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5).close()
            return True
        return False

    try:
        wait_until(answers, within_s=30)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # SIGTERM would have Postgres wait for its clients.
        process.wait(timeout=30)


@contextmanager
def stock_postgres(folder: Path, *options: str) -> Generator[str]:
    """A Postgres that listens on TCP alone and asks for a password; yields the URL of an empty database."""
    programs, port, password = postgres_programs(), free_port(), secrets.token_hex(8)
    data = _readable_folder(folder)
    password_file = folder.with_suffix(".password")
    password_file.write_text(password)
    password_file.chmod(0o644)
    made = subprocess.run(
        [
            *(programs / "initdb", "--pgdata", data, "--username", USER, "--auth", "scram-sha-256"),
            *("--pwfile", password_file, "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8"),
        ],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
        **_unprivileged(),
    )
    assert made.returncode == 0, made.stderr
    settings = (
        "listen_addresses=127.0.0.1",
        f"port={port}",
        "unix_socket_directories=",
        "fsync=off",
        *options,
    )
    command = [programs / "postgres", "-D", data, *(part for one in settings for part in ("-c", one))]
    origin = f"postgres://{USER}:{password}@127.0.0.1:{port}"
    with _running(command, data, f"{origin}/postgres"):
        with psycopg.connect(f"{origin}/postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {DATABASE}".encode())
        yield f"{origin}/{DATABASE}"


def pgbouncer_program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def pgbouncer(program: str, folder: Path, database_url: str, *, server_connections: int) -> Generator[str]:
    """PgBouncer in transaction mode before a database; yields the URL that leads through it."""
    port = free_port()
    place = _readable_folder(folder)
    upstream = conninfo_to_dict(database_url)
    password = upstream["password"]
    (place / "users.txt").write_text(f'"{USER}" "{password}"\n')
    (place / "pgbouncer.ini").write_text(
        f"""[databases]
{DATABASE} = host=127.0.0.1 port={upstream["port"]} dbname={DATABASE}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {place}/users.txt
pool_mode = transaction
default_pool_size = {server_connections}
"""
    )
    url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"
    with _running([program, place / "pgbouncer.ini"], place, url):
        yield url
