"""The link between a supervisor and the processes it starts: one socket each.

The child says "ready" on it once; when the supervisor dies, however it dies, the child reads the
end of the stream and stops too. (Postgres knows no such link; the next start takes it over.)
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

_READY = b"ready"


class SupervisorLink:
    """The child's end.

    Args:
        descriptor: The inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._has_said_so = False

    def ready(self) -> None:
        """Tell the supervisor that this process does its work now; once is enough."""
        if not self._has_said_so:
            self._has_said_so = True
            self._socket.send(_READY)

    async def on_loss(self, stop: Callable[[], None]) -> None:
        """Wait for the supervisor's end, then call `stop`."""
        with suppress(ConnectionError):  # That is its end as well, if it had not read everything.
            await asyncio.get_running_loop().sock_recv(self._socket, 1)
        stop()

    def close(self) -> None:
        self._socket.close()


class ChildLink:
    """The supervisor's end.

    Attributes:
        child_end: What the child inherits; to be closed here once it has.
    """

    def __init__(self) -> None:
        self._socket, self.child_end = socket.socketpair()
        self._socket.setblocking(False)

    async def wait_ready(self) -> bool:
        """Wait for the child's word; False if it ended without."""
        return await asyncio.get_running_loop().sock_recv(self._socket, len(_READY)) == _READY

    def close(self) -> None:
        self._socket.close()
