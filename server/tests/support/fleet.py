"""Several API and worker processes on one Postgres and one bucket, as an orchestrator runs them."""

import itertools
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2

from support.ports import free_port
from support.running_server import COMMAND, server_environment
from support.s3 import S3
from support.waiting import wait_until

PATIENCE_S = 120


class Fleet:
    """The processes, by name; each is started again when the test says so.

    Args:
        folder: For logs, and for what each process keeps for itself.
        workers: By name, the arguments of each worker.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        s3: S3,
        *,
        apis: int,
        workers: Mapping[str, Sequence[str]],
        **settings: str,
    ) -> None:
        self.database_url = database_url
        self._folder = folder
        self._environment = {
            **server_environment(folder / "data", **settings),
            **s3.environment,
            "VOCAFUSE_DATABASE_URL": database_url,
            "VOCAFUSE_STORAGE_URL": s3.url,
            "VOCAFUSE_SIGNING_KEY": "a signing key that all processes share",
            "VOCAFUSE_ENCRYPTION_KEY": "an encryption key that all processes share",
            "VOCAFUSE_LOG_FORMAT": "json",
        }
        self._ports = {f"api-{number}": free_port() for number in range(apis)}
        self._arguments = {name: ["api"] for name in self._ports}
        self._arguments |= {name: ["worker", *arguments] for name, arguments in workers.items()}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._turns = itertools.cycle(self._ports.values())

    @property
    def names(self) -> list[str]:
        return list(self._arguments)

    @property
    def origin(self) -> str:
        """One of the APIs, another each time."""
        return f"http://127.0.0.1:{next(self._turns)}"

    def set_up(self) -> None:
        """Migrate, make a tenant, and start every process."""
        self._run("migrate")
        made = json.loads(self._run("tenants", "create", "--name", "T", "--plan", "enterprise", "--json"))
        self.key_headers = {
            "X-VocaFuse-API-Key": made["api_key"],
            "X-VocaFuse-API-Secret": made["api_secret"],
        }
        for name in self.names:
            self.start(name)
        for name in self.names:
            wait_until(lambda name=name: self._is_ready(name), within_s=PATIENCE_S)

    def start(self, name: str) -> None:
        environment = self._environment | {"VOCAFUSE_PORT": str(self._ports.get(name, 0))}
        with self.log(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*COMMAND, *self._arguments[name]], env=environment, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait()

    def close(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _is_ready(self, name: str) -> bool:
        said = self.log(name).read_text()
        assert self._processes[name].poll() is None, said[-2000:]
        if name not in self._ports:
            return "worker ready" in said
        try:
            return httpx2.get(f"http://127.0.0.1:{self._ports[name]}/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def _run(self, *arguments: str) -> str:
        return subprocess.run(
            [*COMMAND, *arguments],
            env=self._environment | {"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
