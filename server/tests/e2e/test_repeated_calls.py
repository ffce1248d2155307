"""Calls that are repeated because an answer got lost, over real connections."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.lossy_proxy import LossyProxy, lossy_proxy
from support.running_server import Server

from vocafuse import Client

pytestmark = pytest.mark.xdist_group("e2e")
SPOKEN = "harvard-birch-canoe.wav"


@pytest.fixture
def proxy(server: Server) -> Iterator[LossyProxy]:
    with lossy_proxy(server.origin) as proxy:
        yield proxy


@pytest.fixture
def client_behind(server: Server, proxy: LossyProxy) -> Iterator[Client]:
    known = server.credentials
    with Client(
        known["api_key"], known["api_secret"], base_url=f"{proxy.url}/v1", retry_delay=0.01
    ) as client:
        yield client


def test_an_upload_whose_answers_get_lost_makes_one_note(
    client: Client, client_behind: Client, proxy: LossyProxy
) -> None:
    before = client.voicenotes.list().total
    proxy.to_lose.update(POST=2, PUT=1, GET=1)
    note = client_behind.voicenotes.upload(AUDIO / SPOKEN)
    assert proxy.lost == proxy.to_lose
    assert client.voicenotes.wait(note.id, timeout=60)["status"] == "transcribed"
    assert client.voicenotes.list().total == before + 1
    client.voicenotes.delete(note.id)


def test_a_webhook_whose_answer_gets_lost_is_made_once_and_its_secret_known(
    client: Client, client_behind: Client, proxy: LossyProxy, listener: Listener
) -> None:
    proxy.to_lose.update(POST=2)
    webhook = client_behind.webhooks.create(url=listener.url, events=["voicenote.created"])
    assert proxy.lost == proxy.to_lose
    assert webhook["secret"].startswith("whsec_")
    assert [one.id for one in client.webhooks.list_all() if one.url == listener.url] == [webhook.id]
    client.webhooks.delete(webhook.id)


def test_an_upload_cut_half_way_does_not_use_its_key_up(server: Server, client: Client) -> None:
    known = server.credentials
    request = httpx2.Request(
        "POST",
        f"{known['base_url']}/voicenotes",
        headers={**server.key_headers, "Idempotency-Key": "cut half-way"},
        files={"file": (SPOKEN, (AUDIO / SPOKEN).read_bytes())},
    )
    body = request.read()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    parts = urlsplit(known["base_url"])
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"POST /v1/voicenotes HTTP/1.1\r\n{head}\r\n".encode() + body[: len(body) // 2])
    with httpx2.Client() as http:
        whole = http.send(request)
        assert whole.status_code == 201
        assert "Idempotent-Replayed" not in whole.headers
        again = http.send(request)
        assert (again.content, again.headers["Idempotent-Replayed"]) == (whole.content, "true")
    client.voicenotes.delete(whole.json()["id"])
