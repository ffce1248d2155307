"""Outgoing calls to addresses that strangers chose.

A URL given by a user must not reach into the operator's network. So the host is resolved once, every
address it has must be public (or in a network that the operator allows), and the connection is made
to an address that was checked: there is no second resolution that could answer otherwise.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import cast
from urllib.parse import urlsplit

import httpcore2

from vocafuse_server.core.settings import Network

Address = IPv4Address | IPv6Address

_MAX_RESOLVERS = 64

# Addresses whose last 32 bits are an IPv4 address: behind a translator (RFC 6052, RFC 8215), and the
# deprecated IPv4-compatible ones (RFC 4291).
_ENDS_IN_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))

_IPV6_UNICAST = IPv6Network("2000::/3")  # All that is assigned to the internet so far.
_SPECIAL = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("3fff::/20"),
)


class ForbiddenAddress(Exception):
    """The URL leads, or may lead, to an address that strangers must not reach."""


class AddressGuard:
    """Decides which addresses may be called.

    Args:
        allowed: Private networks that the operator allows.
    """

    def __init__(self, allowed: Sequence[Network] = ()) -> None:
        self._allowed = tuple(allowed)
        # Threads of their own: a name server that hangs must not hold up what else runs in threads.
        self._resolvers = ThreadPoolExecutor(_MAX_RESOLVERS, thread_name_prefix="resolve")

    async def check_url(self, url: str) -> None:
        """Raises ForbiddenAddress unless the URL is http(s) to a host with only permitted addresses."""
        if not url.isascii() or any(character <= " " for character in url):
            raise ForbiddenAddress("must hold printable ASCII characters only")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ForbiddenAddress("is not a valid URL") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise ForbiddenAddress("must be an http or https URL")
        if port == 0:
            raise ForbiddenAddress("must not name port 0")
        if parts.username is not None or parts.password is not None:
            raise ForbiddenAddress("must not hold a user name or password")
        await self.resolve(host, port or (443 if parts.scheme == "https" else 80))

    async def resolve(self, host: str, port: int) -> list[str]:
        """The host's addresses, every one of them permitted.

        Raises:
            ForbiddenAddress: The host doesn't resolve, or has an address that is not permitted.
        """
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._resolvers, partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise ForbiddenAddress("has a host name that does not resolve") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(self._permits(ip_address(address.partition("%")[0])) for address in addresses):
            raise ForbiddenAddress("leads to a private or reserved address")
        return addresses

    def _permits(self, address: Address) -> bool:
        inner = _embedded_ipv4(address)
        candidates: Iterable[Address] = (address,) if inner is None else (address, inner)
        if any(candidate in network for candidate in candidates for network in self._allowed):
            return True
        return inner is None and _is_public(address)


def _is_public(address: Address) -> bool:
    """Whether an address is an ordinary one of the internet.

    Python's own opinion changed from release to release, so what the registries of special addresses
    (RFC 6890 and its successors) name is named here too.
    """
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, IPv6Address) and address not in _IPV6_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does: such detours are never public."""
    if isinstance(address, IPv4Address):
        return None
    if any(address in network for network in _ENDS_IN_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


class _GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that the guard has resolved and permitted, and to no others."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the overridden method's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._guard.resolve(host, port)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("the host has no address")


class OutboundError(Exception):
    """The call failed before there was an answer; the message says how, for the delivery log."""


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """The answer to an outgoing call: its status, and the beginning of its body."""

    status: int
    body: bytes


class GuardedClient:
    """Makes outgoing calls to permitted addresses only; follows no redirects, sends no cookies.

    Args:
        guard: Decides which addresses may be called.
        max_connections: How many calls are made at a time.
        max_response_bytes: How much of an answer's body is read.
    """

    def __init__(
        self, guard: AddressGuard, *, max_connections: int, max_response_bytes: int = 16 * 1024
    ) -> None:
        self._max_response_bytes = max_response_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            network_backend=_GuardedBackend(guard),
            max_connections=max_connections,
            max_keepalive_connections=20,
            keepalive_expiry=30,
        )

    async def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> OutboundResponse:
        """POST `body` and return the answer, all within `timeout_s`.

        Raises:
            OutboundError: No answer: not permitted, not reachable, too slow, not HTTP.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._post(url, headers, body)
        except TimeoutError as error:
            raise OutboundError(f"no answer within {timeout_s:g} s") from error
        except ForbiddenAddress as error:
            raise OutboundError(f"the URL {error}") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
            raise OutboundError(str(error) or type(error).__name__) from error

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> OutboundResponse:
        async with self._pool.stream("POST", url, headers=list(headers.items()), content=body) as response:
            received = b""
            async for chunk in response.aiter_stream():
                received += chunk
                if len(received) >= self._max_response_bytes:
                    break
            return OutboundResponse(response.status, received[: self._max_response_bytes])

    async def close(self) -> None:
        await self._pool.aclose()
