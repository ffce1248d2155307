"""Fetching what a stranger's URL leads to: the bytes as they come, within limits, from permitted addresses.

Whoever runs the server behind the URL is not trusted either: every redirect is checked like the first
URL, and no answer can be larger, slower or other than it may.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from urllib.parse import urljoin

import httpcore2

from vocafuse_server import __version__
from vocafuse_server.storage.outbound import AddressGuard, UnresolvedHost, guarded_pool
from vocafuse_server.storage.urls import ForbiddenAddress, HttpUrl, parse_url

FETCH_TIMEOUT_S = 30.0
MAX_REDIRECTS = 3
# Where web servers are; other ports belong to mail, databases and the like, which must not be talked to.
USUAL_PORTS = frozenset({80, 443, 8080, 8443})

_WHOLE = frozenset({200, 203})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TEMPORARY_4XX = frozenset({408, 425, 429})


class FetchError(Exception):
    """There is nothing to be had from the URL; the message is a sentence for the person who gave it."""


class FetchRefused(FetchError):
    """The URL won't do another time either."""


class FetchInterrupted(FetchError):
    """The same URL may do another time."""


class UrlFetcher:
    """Fetches files from permitted addresses only, each of at most `max_bytes` within `timeout_s`.

    Args:
        guard: Decides which addresses may be called.
        max_bytes: How large a file may be.
        max_connections: How many are fetched at a time; others wait, which counts as their time.
        timeout_s: How long one may take, from the first name resolved to the last byte.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        max_bytes: int,
        max_connections: int,
        timeout_s: float = FETCH_TIMEOUT_S,
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        # No connection is kept: every call asks the guard anew.
        self._pool = guarded_pool(
            guard, max_connections=max_connections, max_idle_connections=0, usual_ports=USUAL_PORTS
        )

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The bytes that the URL leads to, as they come; they end only when all have come.

        Raises:
            FetchRefused, FetchInterrupted: On entering, or from the bytes.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        response = await self._follow(parse_given(url), deadline)
        try:
            self._check_head(response)
            async with aclosing(self._body(response, deadline)) as chunks:
                yield chunks
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._pool.aclose()

    async def _follow(self, url: HttpUrl, deadline: float) -> httpcore2.Response:
        """The first answer that is no redirect."""
        for _ in range(MAX_REDIRECTS + 1):
            response = await self._get(url, deadline)
            if response.status not in _REDIRECTS:
                return response
            await response.aclose()
            url = _redirected(url, response)
        raise FetchRefused(f"The URL redirects more than {MAX_REDIRECTS} times.")

    async def _get(self, url: HttpUrl, deadline: float) -> httpcore2.Response:
        headers = [
            ("Host", url.authority),
            ("User-Agent", f"vocafuse-server/{__version__}"),
            ("Accept", "*/*"),
            ("Accept-Encoding", "identity"),
        ]
        async with self._explained(deadline):
            return await self._pool.handle_async_request(
                httpcore2.Request("GET", url.wire(), headers=headers)
            )

    def _check_head(self, response: httpcore2.Response) -> None:
        if response.status not in _WHOLE:
            temporary = response.status in _TEMPORARY_4XX or response.status >= 500
            kind = FetchInterrupted if temporary else FetchRefused
            raise kind(f"The server answered {response.status}.")
        codings = [coding.strip().lower() for coding in _values(response, b"content-encoding")]
        if any(coding not in {"", "identity"} for coding in codings):
            raise FetchRefused("The server answered in a compressed form that it was not asked for.")
        for length in _values(response, b"content-length"):
            self._check_size(int(length))

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise FetchRefused(f"The file is larger than the {self._max_bytes / 1024 / 1024:g} MiB allowed.")

    async def _body(self, response: httpcore2.Response, deadline: float) -> AsyncGenerator[bytes]:
        received_bytes = 0
        async with aclosing(response.aiter_stream()) as chunks:
            while True:
                # Around each step alone: what is done with a chunk is not interrupted.
                async with self._explained(deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                received_bytes += len(chunk)
                self._check_size(received_bytes)
                yield chunk

    @asynccontextmanager
    async def _explained(self, deadline: float) -> AsyncGenerator[None]:
        """Ends the block at the deadline; what goes wrong in it is told as a FetchError."""
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            raise FetchInterrupted(f"The server took longer than {self._timeout_s:g} s.") from error
        except UnresolvedHost as error:
            raise FetchInterrupted(f"The URL {error}.") from error
        except ForbiddenAddress as error:
            raise FetchRefused(f"The URL {error}.") from error
        except (httpcore2.ConnectError, httpcore2.TimeoutException) as error:
            if error.args and isinstance(error.args[0], ssl.SSLCertVerificationError):
                raise FetchRefused("The server has no valid certificate for this host.") from error
            raise FetchInterrupted("The server can't be reached.") from error
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise FetchInterrupted("The server broke off, or sent no valid HTTP.") from error


def parse_given(url: str) -> HttpUrl:
    """The parts of a URL that may be fetched, as far as the URL itself tells.

    Raises:
        FetchRefused: It may not.
    """
    try:
        return parse_url(url)
    except ForbiddenAddress as error:
        raise FetchRefused(f"The URL {error}.") from error


def _redirected(url: HttpUrl, response: httpcore2.Response) -> HttpUrl:
    locations = [value.decode("latin-1") for name, value in response.headers if name.lower() == b"location"]
    if len(locations) != 1:
        raise FetchRefused(f"The server answered {response.status} without saying where to.")
    try:
        target = parse_url(urljoin(f"{url.scheme}://{url.authority}{url.target}", locations[0]))
    except (ForbiddenAddress, ValueError) as error:
        raise FetchRefused("The URL redirects to a URL that can't be fetched.") from error
    if url.scheme == "https" and target.scheme == "http":
        raise FetchRefused("The URL redirects from https to http.")
    return target


def _values(response: httpcore2.Response, name: bytes) -> list[str]:
    """What a header says, the parts of a list one by one."""
    found = [value.decode("latin-1") for header, value in response.headers if header.lower() == name]
    return [part for value in found for part in value.split(",")]
