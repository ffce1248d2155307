"""One of the processes that a supervisor starts and watches."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.logging import get_logger
from vocafuse_server.supervised import ChildLink

log = get_logger(__name__)

_READY_TIMEOUT_S = 120.0


@dataclass(slots=True)
class ChildProcess:
    """A process that is kept running.

    Attributes:
        stop_s: How long it may take to end when it is asked to.
    """

    name: str
    arguments: Sequence[str]
    environment: dict[str, str]
    stop_s: float
    inherited: tuple[int, ...] = ()
    process: asyncio.subprocess.Process | None = None
    link: ChildLink | None = None
    started_at: float = 0.0
    failures: int = 0

    async def start(self) -> None:
        """Start the process and wait until it says that it is ready.

        Raises:
            StartupError: It ends or stays silent instead.
        """
        if self.link is not None:
            self.link.close()
        self.link = ChildLink()
        descriptor = self.link.child_end.fileno()
        self.started_at = time.monotonic()
        with self.link.child_end:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "vocafuse_server.cli", *self.arguments),
                *("--supervisor-fd", str(descriptor)),
                env=self.environment,
                pass_fds=(*self.inherited, descriptor),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the supervisor, who stops its children in order
            )
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                ready = await self.link.wait_ready()
        except TimeoutError as error:
            raise StartupError(f"The {self.name} was not ready within {_READY_TIMEOUT_S:.0f} s.") from error
        if not ready:
            raise StartupError(f"The {self.name} did not start; what it said is above.")

    async def wait(self) -> int:
        return await self.process.wait() if self.process else 0

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def stop(self) -> None:
        """Ask the process to end, and end it when it takes too long."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self.stop_s):
                await self.wait()
        except TimeoutError:
            log.warning("process did not stop in time and is killed", process=self.name)
            self.signal(signal.SIGKILL)
            await self.wait()
        if self.link is not None:
            self.link.close()
