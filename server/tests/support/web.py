"""A small web server that answers as a test says, well or badly."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """What is served, and what was asked for.

    Attributes:
        answers: By path, the bytes to send or what sends them; another path is a 404.
        asked: The head of every request, in order.
        connections: How often somebody connected.
    """

    host: str
    port: int = 0
    scheme: str = "http"
    answers: dict[str, bytes | Respond] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    connections: int = 0

    def url(self, path: str = "/", *, host: str | None = None) -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and hang up."""
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.asked.append(head)
            answer = self.answers.get(head.split(" ")[1], response(b"", status="404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The caller has had enough.
        finally:
            writer.close()


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer; a `Content-Length` among the headers replaces the true one."""
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        headers = (*headers, f"Content-Length: {len(body)}")
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers))
    return head.encode("latin-1") + b"\r\n" + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(b"", f"Location: {location}", status=status)


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1", *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Site]:
    """A site on a loopback address, while the block runs."""
    site = Site(host, scheme="http" if tls is None else "https")
    server = await asyncio.start_server(site.serve, host, port, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
