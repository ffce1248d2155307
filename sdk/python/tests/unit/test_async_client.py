"""What the async client does in its own way: files, connections, tasks."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from vocafuse import AsyncAccessToken, AsyncClient, NotFoundError

if TYPE_CHECKING:
    from conftest import FakeTime, Server

MakeAsyncClient = Callable[..., AsyncClient]
NoteJson = Callable[..., dict[str, Any]]
AUDIO = bytes(range(256)) * 1024


async def test_pages_are_fetched_as_they_are_needed(
    make_async_client: MakeAsyncClient, note_json: NoteJson
) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        page = int(request.url.params.get("page", "0"))
        following = None if page else "/v1/voicenotes?page=1&limit=1"
        return httpx2.Response(
            200, json={"voicenotes": [note_json(id=f"n{page}")], "next_page_uri": following}
        )

    notes = make_async_client(answer).voicenotes.list_all(limit=1)
    assert asked == []
    assert (await anext(aiter(notes))).id == "n0"
    assert [note.id async for note in notes] == ["n1"]
    assert asked == ["limit=1", "page=1&limit=1"]


async def test_retries_wait_without_holding_up_the_loop(
    make_async_client: MakeAsyncClient, fake_time: FakeTime, note_json: NoteJson
) -> None:
    answers = [httpx2.Response(503), httpx2.ConnectError("refused"), httpx2.Response(200, json=note_json())]

    def answer(request: httpx2.Request) -> httpx2.Response:
        outcome = answers.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert (await make_async_client(answer).voicenotes.get("rec_123")).id == "rec_123"
    assert fake_time.slept_s == [1.0, 2.0]


@pytest.mark.parametrize("via", ["signed_url", "form"])
async def test_a_cut_upload_is_repeated_from_its_start(
    server: Server, tmp_path: Path, note_json: NoteJson, via: str
) -> None:
    (tmp_path / "note.wav").write_bytes(AUDIO)
    if via == "signed_url":
        server.reply(
            {"voicenote_id": "n", "presigned_url": f"{server.url}/objects/n?signature=x"}, status=201
        )
    server.reply(cut_after=1000)
    server.reply(note_json(), status=201)
    server.reply(note_json())
    progress: list[int] = []
    threads: set[int] = set()

    def on_progress(sent: int, total: int) -> None:
        progress.append(sent)
        threads.add(threading.get_ident())

    async with AsyncClient("key", "secret", f"{server.url}/v1", retry_delay=0) as client:
        note = await client.voicenotes.upload(tmp_path / "note.wav", on_progress=on_progress, via=via)  # type: ignore[arg-type]
    assert note.id == "rec_123"
    assert progress.count(0) == 2
    assert progress[-1] == len(AUDIO)
    assert threads == {threading.get_ident()}
    cut, whole = server.received[-3:-1] if via == "signed_url" else server.received
    assert len(cut.body) == 1000
    assert AUDIO in whole.body
    assert int(whole.headers["content-length"]) == len(whole.body)
    assert cut.headers.get("idempotency-key") == whole.headers.get("idempotency-key")


async def test_a_pipe_is_read_in_a_thread(make_async_client: MakeAsyncClient, note_json: NoteJson) -> None:
    class Pipe(io.BytesIO):
        read_in = 0

        def seekable(self) -> bool:
            return False

        def read(self, size: int | None = -1, /) -> bytes:
            self.read_in = threading.get_ident()
            return super().read(size)

    pipe = Pipe(b"audio")
    note = await make_async_client([httpx2.Response(201, json=note_json())]).voicenotes.upload(
        pipe, via="form"
    )
    assert note.id == "rec_123"
    assert pipe.read_in != threading.get_ident()


async def test_tasks_share_connections(server: Server, note_json: NoteJson) -> None:
    for _ in range(5):
        server.reply(note_json())
    async with AsyncClient("key", "secret", f"{server.url}/v1") as client:
        for _ in range(3):
            await client.voicenotes.get("rec_123")
        assert len({request.client for request in server.received}) == 1
        await asyncio.gather(*(client.voicenotes.get("rec_123") for _ in range(2)))
        assert len({request.client for request in server.received}) <= 2
    with pytest.raises(RuntimeError, match="closed"):
        await client.voicenotes.list()


async def test_errors_are_those_of_the_sync_client(
    make_async_client: MakeAsyncClient, error_json: Callable[..., dict[str, Any]]
) -> None:
    refusal = httpx2.Response(404, json=error_json(3001, "NotFoundError", "Voice note not found"))
    with pytest.raises(NotFoundError) as caught:
        await make_async_client([refusal]).voicenotes("rec_123").delete()
    assert (caught.value.code, caught.value.request_id) == (3001, "req_1")


async def test_a_token() -> None:
    body = {"success": True, "token": "T"}
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=body))
    token = AsyncAccessToken("sk_live_...", "...", identity="user_12345", transport=transport)
    assert await token(expires_in=60) == body
    assert repr(token) == "AsyncAccessToken(identity='user_12345')"
