"""The client library over real connections to the running server, and what its README shows."""

import asyncio
import logging
import re
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server
from support.waiting import wait_until
from support.web import response, serving

from vocafuse import AsyncClient, AuthenticationError, AuthorizationError, Client, NotFoundError

pytestmark = pytest.mark.xdist_group("e2e")

README = Path(__file__).parents[3] / "sdk" / "python" / "README.md"
SPOKEN = AUDIO / "harvard-birch-canoe.wav"
PATIENCE_S = 60


@pytest.fixture
async def awaited(server: Server) -> AsyncIterator[AsyncClient]:
    known = server.credentials
    async with AsyncClient(known["api_key"], known["api_secret"], known["base_url"], debug=True) as client:
        yield client


def connections_to(server: Server) -> int:
    """How many this process has open."""
    port = httpx2.URL(server.origin).port
    mine = psutil.Process().net_connections("tcp")
    return sum(one.status == "ESTABLISHED" and bool(one.raddr) and one.raddr.port == port for one in mine)


@pytest.mark.parametrize("via", ["signed_url", "form"])
async def test_waiting_listens_instead_of_asking(
    awaited: AsyncClient, caplog: pytest.LogCaptureFixture, via: Any
) -> None:
    caplog.set_level(logging.DEBUG, logger="vocafuse")
    progress: list[tuple[int, int]] = []
    note = await awaited.voicenotes.upload(
        SPOKEN, via=via, on_progress=lambda sent, total: progress.append((sent, total))
    )
    assert progress[-1] == (SPOKEN.stat().st_size,) * 2
    caplog.clear()
    assert (await awaited.voicenotes.wait(note.id, timeout=PATIENCE_S)).status == "transcribed"
    lines = [record.getMessage().partition(",")[0] for record in caplog.records]
    assert lines == ["GET /v1/events: 200", f"GET /v1/voicenotes/{note.id}: 200"]
    assert "birch canoe" in await awaited.voicenotes(note.id).transcription.export("srt")
    assert await awaited.voicenotes(note.id).audio() == SPOKEN.read_bytes()
    await awaited.voicenotes(note.id).delete()


async def test_waiting_asks_where_no_events_come_through(server: Server) -> None:
    class WithoutEvents(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.url.path.endswith("/events"):
                return httpx2.Response(404)
            return await super().handle_async_request(request)

    known = server.credentials
    async with AsyncClient(
        known["api_key"], known["api_secret"], known["base_url"], transport=WithoutEvents()
    ) as client:
        note = await client.voicenotes.upload(SPOKEN)
        assert (await client.voicenotes.wait(note.id, timeout=PATIENCE_S)).status == "transcribed"
        await client.voicenotes.delete(note.id)


async def test_a_note_is_followed_searched_changed_and_taken_back(awaited: AsyncClient) -> None:
    tags = {"run": "library"}
    async with awaited.events.stream() as events:
        assert (await anext(events)).type == "ready"
        note = await awaited.recordings.upload(SPOKEN, custom_tags=tags, idempotency_key="library-1")
        again = await awaited.recordings.upload(SPOKEN, custom_tags=tags, idempotency_key="library-1")
        assert again.id == note.id
        await awaited.recordings.wait(note.id, timeout=PATIENCE_S)
        assert (await awaited.voicenotes(note.id).update(title="Canoes", tags=["river"])).tags == ["river"]
        found = await awaited.voicenotes.list(q="canoe", sort="relevance", custom_tags=tags)
        assert found[0].match is not None
        assert [part.text for part in found[0].match.title or () if part.hit] == ["Canoes"]
        await awaited.voicenotes.delete(note.id, undo_seconds=60)
        with pytest.raises(NotFoundError):
            await awaited.voicenotes.get(note.id)
        assert (await awaited.voicenotes.restore(note.id)).title == "Canoes"
        told: list[str] = []
        async for event in events:
            told += [event.type.removeprefix("voicenote.")] if event.voicenote_id == note.id else []
            if told[-1:] == ["restored"]:
                break
    assert told == ["created", "transcribed", "updated", "deleted", "restored"]
    assert [one.id async for one in awaited.recordings.list_all(limit=1, custom_tags=tags)] == [note.id]
    await awaited.voicenotes.delete(note.id)


async def test_audio_is_fetched_from_a_url(awaited: AsyncClient) -> None:
    async with serving() as site:
        site.answers["/note.wav"] = response(SPOKEN.read_bytes())
        note = await awaited.voicenotes.create_from_url(site.url("/note.wav"), title="Fetched", tags=["far"])
        note = await awaited.voicenotes.wait(note.id, timeout=PATIENCE_S)
    assert (note.title, note.tags, note.upload_source) == ("Fetched", ["far"], "url")
    await awaited.voicenotes.delete(note.id)


def test_deliveries_are_listed_and_sent_again(client: Client, listener: Listener) -> None:
    webhook = client.webhooks.create(url=listener.url, events=["voicenote.deleted"])
    log = client.webhooks(webhook.id).deliveries
    for _ in range(4):
        listener.answers.put(500)
    delivery = client.webhooks.test(webhook.id)
    wait_until(lambda: log.list(status="failed").total == 1)
    failed = log.get(delivery.id)
    assert [attempt.status_code for attempt in failed.attempts] == [500] * 4
    assert failed.payload is not None
    assert log.redeliver_failed(since="2020-01-01").deliveries_count == 1
    wait_until(lambda: log.get(delivery.id).status == "delivered")
    assert log.redeliver(delivery.id).id == delivery.id
    sent = [listener.next() for _ in range(6)]
    assert {one.headers["webhook-id"] for one in sent} == {delivery.id}
    assert client.webhooks(webhook.id).rotate_secret().secret != webhook.secret
    assert client.webhooks.update(webhook.id, status="disabled").status == "disabled"
    client.webhooks.delete(webhook.id)


def test_keys_and_the_account(server: Server, client: Client) -> None:
    key = client.api_keys.create(name="Reader", scopes=["voicenotes:read"])
    base_url = server.credentials["base_url"]
    with Client(key.api_key, key.api_secret, base_url) as reader:
        assert reader.voicenotes.list().page == 0
        with pytest.raises(AuthorizationError):
            reader.account.get()
        assert client.api_keys.get(key.id).name == "Reader"
        client.api_keys(key.id).delete()
        assert key.id in [one.id for one in client.api_keys.list_all(status="revoked")]
        with pytest.raises(AuthenticationError) as caught:
            reader.voicenotes.list()
    assert caught.value.request_id
    account = client.account.update(settings={"color": "green"})
    assert account.settings["color"] == "green"
    assert client.account.get().usage.current_month.voicenotes_count >= 0
    assert len(client.account.usage(days=3)) == 3


def test_threads_share_a_client_and_its_connections(server: Server) -> None:
    before = connections_to(server)
    with server.client() as client, ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            client.voicenotes.list(limit=1)
        assert connections_to(server) == before + 1
        asked = [threads.submit(client.voicenotes.list, limit=1) for _ in range(64)]
        totals = {one.result().total for one in asked}
        assert len(totals) == 1
        assert before + 1 <= connections_to(server) <= before + 8
    assert connections_to(server) == before


async def test_tasks_share_a_client_and_its_connections(server: Server, awaited: AsyncClient) -> None:
    await awaited.voicenotes.list(limit=1)
    one = connections_to(server)
    for _ in range(5):
        await awaited.voicenotes.list(limit=1)
    assert connections_to(server) == one
    pages = await asyncio.gather(*(awaited.voicenotes.list(limit=1) for _ in range(32)))
    assert len({page.total for page in pages}) == 1


def test_what_the_readme_shows_is_true(
    server: Server, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = server.credentials
    for name in ("api_key", "api_secret", "base_url"):
        monkeypatch.setenv(f"VOCAFUSE_{name.upper()}", known[name])
    monkeypatch.chdir(tmp_path)
    shutil.copy(SPOKEN, "meeting.wav")
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 8
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block.replace("https://example.com/hook", listener.url), names)
    assert "birch canoe" in names["text"]
    assert names["body"]["token"]
    assert names["page"].total == 0
    with server.client() as client:
        client.webhooks.delete(names["webhook"].id)
        client.voicenotes.delete(names["note"].id)
