"""HTTP as bytes: what no client library would send, to the app under the real server."""

import asyncio
import io
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import cast

from fastapi import FastAPI

from vocafuse_server.api_server import ApiServer, server_config
from vocafuse_server.core.settings import Settings

_PATIENCE_S = 20


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """An answer as it came; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def served(app: FastAPI, settings: Settings, *, started: bool = False) -> AsyncGenerator[int]:
    """The app under uvicorn on a loopback port, which it yields.

    Args:
        started: It runs already, so uvicorn neither starts nor stops it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = server_config(app, settings)
        config.lifespan = "off" if started else config.lifespan
        server = ApiServer(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


def request_bytes(
    method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes = b""
) -> bytes:
    """A request that asks for the connection's end; a Host and the body's length are added."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1"]
    given = list(headers)
    if not any(name.lower() == b"host" for name, _ in given):
        given.append((b"Host", b"notes.test"))
    lines += [name + b": " + value for name, value in given]
    lines += [b"Connection: close", b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def exchange(port: int, request: bytes) -> WireAnswer:
    """Send `request` and read the answer until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(_PATIENCE_S):
        writer.write(request)
        received = await reader.read()
        writer.close()
    return parse_answer(received, method=request.partition(b" ")[0].decode("latin-1"))


class _Received:
    """What http.client takes for a socket."""

    def __init__(self, received: bytes) -> None:
        self._received = received

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._received)


def parse_answer(received: bytes, *, method: str = "GET") -> WireAnswer:
    """An answer of bytes that came in."""
    response = HTTPResponse(cast("socket.socket", _Received(received)), method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return WireAnswer(response.status, headers, response.read())
