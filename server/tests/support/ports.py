"""Ports for servers that must be told theirs before they start."""

import contextlib
import secrets
import socket

# Below those that Linux gives to connections and to whoever asks for any: nobody gets one of these by chance
# between the moment it is found free and the moment its server takes it.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    while True:
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
