"""What there can be only so much of: uploads, waiting notes, space on the disk, time for outward calls."""

import asyncio
import json
import socket
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from support.app import Account, SettableClock, make_account, running_app
from support.clips import AUDIO
from support.wire import exchange, parse_answer, request_bytes, served

from vocafuse_server.accounts.models import Plan
from vocafuse_server.app import create_app
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.settings import Settings
from vocafuse_server.storage.objects import open_objects

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
MANY = 2**60


def with_limits(settings: Settings, **limits: object) -> Settings:
    return settings.model_copy(update=limits)


def keys(account: Account) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in account.headers.items()]


async def announced(port: int, account: Account) -> bytes:
    """The signed path of an upload."""
    headers = [*keys(account), (b"Content-Type", b"application/json")]
    answer = await exchange(port, request_bytes("POST", b"/v1/upload", headers, b'{"file_name":"a.wav"}'))
    url: str = json.loads(answer.body)["presigned_url"]
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}".encode()


async def test_uploads_have_so_many_places_and_no_tenant_takes_all(
    settings: Settings, database_url: str, account: Account, other_account: Account
) -> None:
    limited = with_limits(settings, uploads_in_flight=2)
    clock = SettableClock()
    async with served(create_app(limited, database_url, clock=clock), limited) as port:
        paths = [await announced(port, account) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        first = request_bytes("PUT", paths[0], [], CLIP)
        writer.write(first[:-1])
        second = request_bytes("PUT", paths[1], [], CLIP)
        while (refused := await exchange(port, second)).status == 200:  # The first has not quite begun.
            second = request_bytes("PUT", await announced(port, account), [], CLIP)
        assert (refused.status, json.loads(refused.body)["error"]["code"]) == (503, 5003)
        assert refused.headers["retry-after"] == "5"
        others = request_bytes("PUT", await announced(port, other_account), [], CLIP)
        assert (await exchange(port, others)).status == 200
        form = await exchange(port, multipart(account))
        assert form.status == 503
        writer.write(first[-1:])
        assert parse_answer(await reader.read()).status == 200
        writer.close()
        assert (await exchange(port, second)).status == 200
        assert (await exchange(port, multipart(account))).status == 201


def multipart(account: Account) -> bytes:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        + CLIP
        + b"\r\n--b--\r\n"
    )
    headers = [*keys(account), (b"Content-Type", b"multipart/form-data; boundary=b")]
    return request_bytes("POST", b"/v1/voicenotes", headers, body)


async def test_a_tenant_with_too_many_waiting_notes_is_told_to_wait(
    settings: Settings, database_url: str, database: Database
) -> None:
    account, other = await make_account(database), await make_account(database, plan=Plan.PRO)
    async with running_app(with_limits(settings, queued_notes=2), database_url, SettableClock()) as api:
        files = {"file": ("a.wav", CLIP)}
        for _ in range(2):
            assert (await api.http.post("/v1/voicenotes", headers=account.headers, files=files)).is_success
        # Counted again by a process that knows nothing yet.
    async with running_app(with_limits(settings, queued_notes=2), database_url, SettableClock()) as api:
        ask = api.http.post
        for answer in (
            await ask("/v1/voicenotes", headers=account.headers, files=files),
            await ask("/v1/upload", headers=account.headers, json={"file_name": "a.wav"}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (429, 4003)
            assert answer.headers["retry-after"] == str(answer.json()["error"]["details"]["retry_after"])
            assert "wait for their transcription" in answer.json()["error"]["message"]
        assert (await ask("/v1/voicenotes", headers=other.headers, files=files)).status_code == 201
        listed = await api.http.get("/v1/voicenotes", headers=account.headers)
        assert listed.json()["total"] == 2


async def test_a_disk_that_is_nearly_full_takes_nothing_but_gives_and_deletes(
    settings: Settings, database_url: str, account: Account
) -> None:
    files = {"file": ("a.wav", CLIP)}
    async with running_app(settings, database_url, SettableClock()) as api:
        made = await api.http.post("/v1/voicenotes", headers=account.headers, files=files)
        announced_before = await api.http.post(
            "/v1/upload", headers=account.headers, json={"file_name": "a.wav"}
        )
    full = with_limits(settings, disk_reserve_bytes=MANY)
    async with running_app(full, database_url, SettableClock()) as api:
        url = announced_before.json()["presigned_url"]
        for answer in (
            await api.http.post("/v1/voicenotes", headers=account.headers, files=files),
            await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "a.wav"}),
            await api.http.put(url, content=CLIP),
            await api.http.post("/v1/webhooks", headers=account.headers, json={"url": "https://example.com"}),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, 5003)
            assert answer.headers["retry-after"] == "60"
        token = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u"})
        assert token.status_code == 200
        note = f"/v1/voicenotes/{made.json()['id']}"
        assert (await api.http.get(f"{note}/audio", headers=account.headers)).content == CLIP
        assert (await api.http.delete(note, headers=account.headers)).status_code == 204


async def test_a_statement_that_takes_too_long_is_given_up(database_url: str) -> None:
    database = Database(database_url, pool_size=2, statement_s=0.2)
    with pytest.raises(ServiceUnavailable):
        async with database.transaction() as session:
            await session.execute(text("SELECT pg_sleep(30)"))
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT 1")) == 1
    await database.close()


async def test_a_database_that_does_not_answer_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/x?connect_timeout=2"
        database = Database(url, pool_size=2)
        with pytest.raises(ServiceUnavailable):
            async with asyncio.timeout(20), database.transaction() as session:
                await session.execute(text("SELECT 1"))
        await database.close()


async def test_a_bucket_that_does_not_answer_is_not_waited_for(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        objects = open_objects(with_limits(settings, storage_url="s3://bucket"), timeout_s=0.3)
        async with asyncio.timeout(20):
            with pytest.raises(TimeoutError):
                await objects.read("x")
