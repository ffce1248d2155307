"""Clients that take their time, over real connections: the patient are heard, those who stall are cut off."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from support.app import Account, SettableClock
from support.clips import AUDIO
from support.published import assert_is_published, error_of
from support.wire import exchange, parse_answer, request_bytes, served

from vocafuse_server.api_server import MAX_HEAD_BYTES
from vocafuse_server.app import create_app
from vocafuse_server.core.settings import MIB, Settings

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
GRACE_S = 0.4
BYTES_PER_SECOND = 20_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "slow_client_seconds": GRACE_S,
            "slow_client_bytes_per_second": BYTES_PER_SECOND,
            "connections": 20,
            "max_upload_bytes": 25 * MIB,
        }
    )


@pytest.fixture
async def port(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[int]:
    async with served(create_app(settings, database_url, clock=clock), settings) as port:
        yield port


def keys(account: Account) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in account.headers.items()]


async def upload_path(port: int, account: Account) -> bytes:
    """The signed path of an upload that was just announced."""
    headers = [*keys(account), (b"Content-Type", b"application/json")]
    answer = await exchange(port, request_bytes("POST", b"/v1/upload", headers, b'{"file_name":"a.wav"}'))
    assert answer.status == 201
    url: str = json.loads(answer.body)["presigned_url"]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}".encode()


async def drip(writer: asyncio.StreamWriter, data: bytes, *, pieces: int, over_s: float) -> None:
    """Send data in pieces, evenly over a time, until the other side hangs up."""
    size = -(-len(data) // pieces)
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        try:
            await writer.drain()
        except ConnectionError:
            return
        await asyncio.sleep(over_s / pieces)


async def ends_within(reader: asyncio.StreamReader, seconds: float) -> bytes:
    async with asyncio.timeout(seconds):
        return await reader.read()


@pytest.mark.parametrize("start", [b"", b"GET /v1/voice", b"GET /v1/voicenotes HTTP/1.1\r\nHost: a\r\nX: "])
async def test_a_head_that_does_not_come_is_not_waited_for(port: int, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    received = await ends_within(reader, 5)
    writer.close()
    if not start:
        assert received == b""
        return
    answer = parse_answer(received)
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert (answer.status, error_of(answer.status, answer.body)["code"]) == (408, 2001)


async def test_a_head_that_drips_is_cut_off(port: int) -> None:
    """Slowloris: one header after another, none of them the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(1000))
    dripping = asyncio.create_task(drip(writer, head, pieces=1000, over_s=30))
    assert b" 408 " in await ends_within(reader, 5)
    dripping.cancel()
    writer.close()


async def test_empty_lines_keep_no_connection_open(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    await reader.readuntil(b'{"status":"ok"}')
    dripping = asyncio.create_task(drip(writer, b"\r\n" * 1000, pieces=1000, over_s=30))
    await ends_within(reader, 5)
    dripping.cancel()
    writer.close()


async def test_an_upload_that_stalls_is_cut_off_and_can_be_sent_again(port: int, account: Account) -> None:
    path = await upload_path(port, account)
    request = request_bytes("PUT", path, [], CLIP)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request[: len(request) // 2])
    assert b" 408 " in await ends_within(reader, 5)
    writer.close()
    assert (await exchange(port, request)).status == 200


async def test_an_upload_that_drips_is_cut_off(port: int, account: Account) -> None:
    request = request_bytes("PUT", await upload_path(port, account), [], CLIP)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dripping = asyncio.create_task(drip(writer, request, pieces=1000, over_s=60))
    assert b" 408 " in await ends_within(reader, 5)
    dripping.cancel()
    writer.close()


async def test_a_slow_but_honest_upload_is_taken(port: int, account: Account) -> None:
    """Longer than the grace time in all, with stalls that are shorter than it."""
    request = request_bytes("PUT", await upload_path(port, account), [], CLIP)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await drip(writer, request, pieces=8, over_s=4 * GRACE_S)
    assert b"HTTP/1.1 200 " in await ends_within(reader, 10)
    writer.close()


async def test_a_refusal_reaches_a_client_that_sends_on_and_then_hangs_up(port: int) -> None:
    answers = [
        await exchange(port, request_bytes("PUT", b"/v1/uploads/x", [], bytes(4 * MIB))) for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [401, 401, 401]
    assert [answer.headers["connection"] for answer in answers] == ["close"] * 3


async def test_a_refused_body_is_not_read_for_ever(port: int) -> None:
    head = b"PUT /v1/uploads/x HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    dripping = asyncio.create_task(drip(writer, head + bytes(900_000), pieces=300, over_s=30))
    assert b" 401 " in await ends_within(reader, 5)
    dripping.cancel()
    writer.close()


async def test_an_answer_that_nobody_reads_is_given_up(port: int, account: Account) -> None:
    wav = CLIP[:44] + bytes(24 * MIB)
    path = await upload_path(port, account)
    assert (await exchange(port, request_bytes("PUT", path, [], wav))).status == 200
    note_id = path.partition(b"uploads/")[2].partition(b"?")[0]
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", port))
        request = request_bytes("GET", b"/v1/voicenotes/" + note_id + b"/audio", keys(account))
        await loop.sock_sendall(client, request)
        await asyncio.sleep(6 * GRACE_S)
        received = 0
        try:
            async with asyncio.timeout(10):
                while piece := await loop.sock_recv(client, MIB):
                    received += len(piece)
        except ConnectionError:
            pass
    assert received < len(wav)


@pytest.mark.parametrize("filling", [b"X: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
async def test_what_follows_a_body_has_an_end(port: int, account: Account, filling: bytes) -> None:
    lines = [b"%s: %s" % header for header in keys(account)]
    head = b"POST /v1/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + b"\r\n".join(lines)
    answer = await exchange(port, head + b"\r\n\r\n2\r\n{}\r\n0\r\n" + filling * (8 * MAX_HEAD_BYTES // 1000))
    assert_is_published(answer.status, answer.headers, answer.body, path="?")
    assert answer.status in {400, 431}


async def test_what_follows_a_body_is_no_header_of_the_request(port: int, account: Account) -> None:
    lines = [b"%s: %s" % header for header in keys(account)]
    head = b"POST /v1/upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    late = b"Content-Type: application/json\r\n" + b"\r\n".join(lines)
    answer = await exchange(
        port, head + b"\r\n13\r\n" + b'{"file_name":"a.w"}' + b"\r\n0\r\n" + late + b"\r\n\r\n"
    )
    assert answer.status == 401


async def test_hundreds_of_requests_in_one_go_are_not_kept_waiting(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
    received = await _until_closed(reader)
    writer.close()
    assert received.count(b"HTTP/1.1 ") < 50


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await ends_within(reader, 10)
    except ConnectionError:
        return b""


async def test_too_many_connections_are_told_so(
    settings: Settings, database_url: str, clock: SettableClock
) -> None:
    patient = settings.model_copy(update={"slow_client_seconds": 60.0})  # Nobody goes before all are there.
    request = request_bytes("GET", b"/healthz", [])
    async with served(create_app(patient, database_url, clock=clock), patient) as port:
        others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(patient.connections)]
        answer = await exchange(port, request)
        for _, writer in others:
            writer.close()
            await writer.wait_closed()
        assert (answer.status, error_of(answer.status, answer.body)["code"]) == (503, 5003)
        assert int(answer.headers["retry-after"]) >= 1
        async with asyncio.timeout(20):
            while (await exchange(port, request)).status != 200:
                pass
