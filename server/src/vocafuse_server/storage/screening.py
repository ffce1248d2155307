"""Which URLs need not be tried: what can be told of them without asking a name server."""

import socket
from collections.abc import Sequence

from vocafuse_server.core.setting_types import Network
from vocafuse_server.storage.fetching import USUAL_PORTS
from vocafuse_server.storage.outbound import AddressGuard, UnresolvedHost, system_addresses
from vocafuse_server.storage.urls import parse_url


class UrlScreen:
    """Refuses URLs that certainly won't be fetched.

    A host that only a name server knows is let through: it is looked up when it is fetched, and what
    is true of it now need not be true then.

    Args:
        allowed: Private networks that the operator allows.
    """

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._guard = AddressGuard(allowed, resolver=_evident_addresses)

    async def check(self, url: str) -> None:
        """Raises ForbiddenAddress if the URL is of no use."""
        parsed = parse_url(url)
        try:
            await self._guard.resolve(parsed.host, parsed.port, usual_ports=USUAL_PORTS)
        except UnresolvedHost:
            return


def _evident_addresses(host: str, port: int) -> Sequence[str]:
    """The addresses of a host that is one itself, in any spelling, or this machine's name for itself.

    Raises:
        socket.gaierror: With EAI_AGAIN, if it takes a name server to tell.
    """
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return system_addresses("localhost", port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror as error:
        raise socket.gaierror(socket.EAI_AGAIN, "only a name server knows") from error
    return [str(entry[4][0]) for entry in found]
