"""Outgoing calls to addresses that strangers chose.

A URL given by a user must not reach into the operator's network. So the host is resolved once, every
address it has must be public (or in a network that the operator allows), and the connection is made
to an address that was checked: there is no second resolution that could answer otherwise.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import cast

import httpcore2

from vocafuse_server.core.setting_types import Network
from vocafuse_server.storage.urls import ForbiddenAddress, parse_url

Address = IPv4Address | IPv6Address
# The numeric addresses of a host, for a port; called in a thread.
Resolver = Callable[[str, int], Sequence[str]]

RESOLVE_TIMEOUT_S = 10.0
_MAX_RESOLVERS = 64
# How much of an answer's body is read.
_MAX_RESPONSE_BYTES = 16 * 1024

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


class UnresolvedHost(ForbiddenAddress):
    """Where the URL leads can't be found out now; another time it may."""


def system_addresses(host: str, port: int) -> list[str]:
    """What this machine's resolver says, in the order in which to try them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressGuard:
    """Decides which addresses may be called.

    Args:
        allowed: Private networks that the operator allows.
        resolver: Finds a host's addresses; what it says is checked.
        resolve_timeout_s: How long it has for one host.
    """

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        *,
        resolver: Resolver = system_addresses,
        resolve_timeout_s: float = RESOLVE_TIMEOUT_S,
    ) -> None:
        self._allowed = tuple(allowed)
        self._resolver = resolver
        self._resolve_timeout_s = resolve_timeout_s
        # Threads of their own: a name server that hangs must not hold up what else runs in threads.
        self._resolvers = ThreadPoolExecutor(_MAX_RESOLVERS, thread_name_prefix="resolve")

    async def check_url(self, url: str) -> None:
        """Raises ForbiddenAddress unless the URL is http(s) to a host with only permitted addresses."""
        parsed = parse_url(url)
        await self.resolve(parsed.host, parsed.port)

    async def resolve(
        self, host: str, port: int, *, usual_ports: Collection[int] | None = None
    ) -> Sequence[str]:
        """The host's addresses, every one of them permitted.

        Args:
            usual_ports: Outside the operator's networks, the only ports permitted; None: all are.

        Raises:
            UnresolvedHost: The host's addresses could not be found out.
            ForbiddenAddress: The host has no address, or one that is not permitted.
        """
        addresses = await self._addresses(host, port)
        parsed = [ip_address(address.partition("%")[0]) for address in addresses]
        if not parsed:
            raise ForbiddenAddress("has a host name that does not resolve")
        if not all(self._permits(address) for address in parsed):
            raise ForbiddenAddress("leads to a private or reserved address")
        is_usual = usual_ports is None or port in usual_ports
        if not is_usual and not all(self._is_allowed(address) for address in parsed):
            raise ForbiddenAddress(f"names port {port}, which is not one of the usual ones")
        return addresses

    async def _addresses(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._resolve_timeout_s):
                return await loop.run_in_executor(self._resolvers, partial(self._resolver, host, port))
        except TimeoutError as error:
            raise UnresolvedHost("has a host name that is not resolved in time") from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise UnresolvedHost("has a host name that can't be resolved now") from error
            raise ForbiddenAddress("has a host name that does not resolve") from error
        except (OSError, UnicodeError) as error:
            raise ForbiddenAddress("has a host name that does not resolve") from error

    def _permits(self, address: Address) -> bool:
        return self._is_allowed(address) or (_embedded_ipv4(address) is None and _is_public(address))

    def _is_allowed(self, address: Address) -> bool:
        """Whether the operator allows the address, in itself or as the IPv4 one that it stands for."""
        inner = _embedded_ipv4(address)
        candidates = (address,) if inner is None else (address, inner)
        return any(candidate in network for candidate in candidates for network in self._allowed)


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

    def __init__(self, guard: AddressGuard, usual_ports: Collection[int] | None) -> None:
        self._guard = guard
        self._usual_ports = usual_ports
        self._backend = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the overridden method's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._guard.resolve(host, port, usual_ports=self._usual_ports)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError("the host has no address")


def guarded_pool(
    guard: AddressGuard,
    *,
    max_connections: int,
    max_idle_connections: int,
    usual_ports: Collection[int] | None = None,
) -> httpcore2.AsyncConnectionPool:
    """Connections to permitted addresses only; the guard is asked whenever one is made."""
    return httpcore2.AsyncConnectionPool(
        ssl_context=ssl.create_default_context(),
        network_backend=_GuardedBackend(guard, usual_ports),
        max_connections=max_connections,
        max_keepalive_connections=max_idle_connections,
        keepalive_expiry=30,
    )


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
    """

    def __init__(self, guard: AddressGuard, *, max_connections: int) -> None:
        self._pool = guarded_pool(guard, max_connections=max_connections, max_idle_connections=20)

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
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            raise OutboundError(str(error) or type(error).__name__) from error

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> OutboundResponse:
        parsed = parse_url(url)
        sent = [("Host", parsed.authority), *headers.items()]
        async with self._pool.stream("POST", parsed.wire(), headers=sent, content=body) as response:
            received = b""
            async for chunk in response.aiter_stream():
                received += chunk
                if len(received) >= _MAX_RESPONSE_BYTES:
                    break
            return OutboundResponse(response.status, received[:_MAX_RESPONSE_BYTES])

    async def close(self) -> None:
        await self._pool.aclose()
