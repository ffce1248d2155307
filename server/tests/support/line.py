"""A line to a server that can be slow, break in the middle of a transfer, and be mended."""

import contextlib
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from support.ports import free_port

_PIECE_BYTES = 1024


class Line:
    """Passes on what is sent to it.

    Attributes:
        url: Where it begins.
        upload_bytes_per_s: How fast it is towards the server, per connection; None: as fast as it can.
    """

    def __init__(self, origin: str) -> None:
        parts = urlsplit(origin)
        self._target = (parts.hostname or "", parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self._address = self._listener.getsockname()
        self._open: set[socket.socket] = set()
        self._cut = threading.Event()
        self.upload_bytes_per_s: int | None = None
        self.url = f"http://127.0.0.1:{self._address[1]}"
        self.mend()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._cut.set()
        # Closing alone would not wake the thread that waits in accept().
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._open.clear()

    def mend(self) -> None:
        """Be there again, at the same address."""
        if self._cut.is_set():
            self._listener = socket.create_server(self._address)
        self._cut = threading.Event()
        threading.Thread(target=self._accept, args=(self._listener, self._cut), daemon=True).start()

    def _accept(self, listener: socket.socket, cut: threading.Event) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            self._open |= {client, server}
            for source, target in ((client, server), (server, client)):
                rated = source is client
                threading.Thread(target=self._pass_on, args=(source, target, cut, rated), daemon=True).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, cut: threading.Event, rated: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                if rated and self.upload_bytes_per_s is not None:
                    cut.wait(len(piece) / self.upload_bytes_per_s)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def line_to(origin: str) -> Generator[Line]:
    """A line to the server at `origin`, while the block runs."""
    line = Line(origin)
    yield line
    line.cut()
