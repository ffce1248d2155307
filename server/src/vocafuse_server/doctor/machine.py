"""What the machine has to offer: Python, processors, memory, disks, clock, ports."""

import errno
import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx2
import psutil

import vocafuse_server
from vocafuse_server.audio.seccomp import can_filter
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.data_dir import prepare_data_dir
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.keys import ENCRYPTION_KEY_FILE, SIGNING_KEY_FILE, read_key_file
from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor.findings import Finding, failed, ok, warning

_OLDEST_PYTHON = (3, 11)
# What the worker takes with the model `base`, and the API with the database beside it.
_MEMORY_BYTES = 1_200_000_000
_ANSWER_S = 2.0


def check_python(settings: Settings) -> Iterator[Finding]:
    """The interpreter and the system under it."""
    version = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        yield failed(
            f"Python {version} is too old.", "Install Python 3.11 or later, and the server with it anew."
        )
    elif sys.platform != "linux":
        yield failed(f"This system is {sys.platform}.", "Run the server on Linux.")
    elif not can_filter():
        yield warning(
            f"Python {version}; the kernel can't filter system calls, which uploads are decoded behind.",
            "Run it on a kernel with seccomp, or allow seccomp in the container.",
        )
    else:
        yield ok(f"Python {version} on {platform.machine()}")


def check_memory(settings: Settings) -> Iterator[Finding]:
    """Whether model, API and database have room."""
    available = psutil.virtual_memory().available
    if settings.engine == "local" and available < _MEMORY_BYTES:
        yield warning(
            f"{available / 1e9:.1f} GB of memory are free; the model needs about 0.9.",
            "Stop something else, or choose a smaller model with VOCAFUSE_MODEL.",
        )
    else:
        yield ok(f"{available / 1e9:.1f} GB of memory free")


def check_data_dir(settings: Settings) -> Iterator[Finding]:
    """The data directory can be written, has room, and its secrets are nobody else's."""
    folder = settings.data_dir
    try:
        prepare_data_dir(folder)
    except StartupError as error:
        yield failed(str(error), "Set VOCAFUSE_DATA_DIR to a folder that this user can write.")
        return
    free, reserve = shutil.disk_usage(folder).free, settings.disk_reserve_bytes
    if free < reserve:
        yield failed(
            f"{folder} has {_gigabytes(free)} free, and with less than {_gigabytes(reserve)} nothing is"
            " taken in.",
            "Make room there, set VOCAFUSE_DATA_DIR to a larger disk, or lower VOCAFUSE_DISK_RESERVE_BYTES.",
        )
    else:
        yield ok(f"{folder} can be written, with {_gigabytes(free)} free")
    for name in (SIGNING_KEY_FILE, ENCRYPTION_KEY_FILE):
        yield from _check_key_file(folder / name)


def _check_key_file(path: Path) -> Iterator[Finding]:
    if not path.exists():
        return
    try:
        read_key_file(path)
    except StartupError as error:
        yield failed(str(error), f"Mend {path}: it has to be readable, and by its owner alone.")


def check_clock(settings: Settings) -> Iterator[Finding]:
    """The time isn't before the server was installed: tokens and signatures go by it."""
    now = utc_now()
    installed = datetime.fromtimestamp(Path(vocafuse_server.__file__).stat().st_mtime, timezone.utc)
    if now < installed - timedelta(days=1):
        yield failed(
            f"It is {now:%Y-%m-%d} by the clock, but the server was installed on {installed:%Y-%m-%d}.",
            "Set the clock, or have it set over the network (`timedatectl set-ntp true`).",
        )
    else:
        yield ok(f"{now:%Y-%m-%d %H:%M:%S} UTC")


def check_ports(settings: Settings) -> Iterator[Finding]:
    """The API's port is free, or this server has it; so is that of a worker's metrics."""
    yield _look_at_port(settings.host, settings.port, "VOCAFUSE_PORT")
    if settings.worker_metrics_port is not None:
        yield _look_at_port(settings.host, settings.worker_metrics_port, "VOCAFUSE_WORKER_METRICS_PORT")


def _look_at_port(host: str, port: int, variable: str) -> Finding:
    if port == 0:
        return ok("Any free port will do")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return _taken(host, port, variable, error)
    return ok(f"Port {port} on {host} is free")


def _taken(host: str, port: int, variable: str, error: OSError) -> Finding:
    if error.errno != errno.EADDRINUSE:
        # Python adds the address to the system's words; a name that doesn't resolve has a negative number.
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
        return failed(
            f"Nothing can listen on {host} port {port} ({reason}).",
            f"Set VOCAFUSE_HOST to an address of this machine, or {variable} to another port.",
        )
    if _is_ours(host, port):
        return ok(f"A VocaFuse server listens on {host} port {port}")
    return failed(
        f"Port {port} on {host} is taken by {_owner(port)}.", f"Stop that, or set {variable} to another port."
    )


def _is_ours(host: str, port: int) -> bool:
    """Whether what listens there says of itself what only this server says."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    address = f"http://{f'[{near}]' if ':' in near else near}:{port}"
    try:
        answers = [
            httpx2.get(f"{address}{path}", timeout=_ANSWER_S, trust_env=False)
            for path in ("/readyz", "/metrics")
        ]
    except httpx2.HTTPError:
        return False
    return any("X-Request-Id" in answer.headers or "vocafuse_" in answer.text for answer in answers)


def _owner(port: int) -> str:
    with suppress(psutil.Error):
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.pid and _port_of(one.laddr) == port:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
    return "another program"


def _port_of(address: tuple[object, ...]) -> object:
    return address[1] if len(address) > 1 else None


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
