"""Replaying what a receiver missed, on the running server."""

import json

import httpx2
import pytest
from support.clips import AUDIO
from support.listener import listening
from support.running_server import Server
from support.waiting import wait_until

from vocafuse import Client

pytestmark = pytest.mark.xdist_group("e2e")


def test_a_receiver_gets_what_it_missed(server: Server, client: Client) -> None:
    with listening() as listener:
        for _ in range(8):  # two events, each given up after four attempts
            listener.answers.put(500)
        events = ["voicenote.created", "voicenote.transcribed"]
        hook = client.webhooks.create(url=listener.url, events=events)
        note = client.voicenotes.upload(AUDIO / "harvard-birch-canoe.wav")
        log = f"{server.origin}{hook['uri']}/deliveries"

        def given_up() -> bool:
            listed = httpx2.get(f"{log}?status=failed", headers=server.key_headers)
            return listed.json()["total"] == 2

        wait_until(given_up)
        missed = {listener.next().headers["webhook-id"] for _ in range(8)}
        asked = httpx2.post(
            f"{server.origin}{hook['uri']}/redeliver",
            headers=server.key_headers,
            json={"since": "2020-01-01"},
        )
        assert (asked.status_code, asked.json()["deliveries_count"]) == (202, 2)
        replayed = [listener.next() for _ in range(2)]
        assert {one.headers["webhook-id"] for one in replayed} == missed
        assert {one.payload["voicenote"]["id"] for one in replayed} == {note.id}

        [one, _] = missed
        told = server.run("webhooks", "replay", hook["id"], "--delivery", one, "--json")
        assert json.loads(told.stdout) == {"webhook_id": hook["id"], "deliveries_count": 1}
        assert listener.next().headers["webhook-id"] == one
        client.webhooks.delete(hook["id"])
