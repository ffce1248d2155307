"""A backup of a server at work, and another server on what was restored of it."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from support.clips import AUDIO
from support.running_server import Server
from support.waiting import wait_until

from vocafuse import Client

pytestmark = pytest.mark.xdist_group("e2e")

CLIP = AUDIO / "harvard-birch-canoe.wav"
ON_THEIR_WAY = 3  # Notes on the queue at any moment of the backup.


def test_a_restored_server_has_everything_that_the_backup_was_made_of(
    server: Server, client: Client, tmp_path: Path, small_model: str
) -> None:
    note = client.voicenotes.upload(CLIP, custom_tags={"jobId": "backup"})
    client.voicenotes.wait(note.id, timeout=60)
    told = client.voicenotes(note.id).transcription.get().text
    token = httpx2.post(
        f"{server.origin}/v1/token", headers=server.key_headers, json={"user_id": "user_12345"}
    ).json()["token"]
    backup = tmp_path / "backup.tar"
    with ThreadPoolExecutor(1) as thread:
        backing_up = thread.submit(server.run, "backup", str(backup))
        ahead: deque[str] = deque()
        while not backing_up.done():
            client.voicenotes(client.voicenotes.upload(CLIP).id).delete()
            ahead.append(client.voicenotes.upload(CLIP).id)
            if len(ahead) > ON_THEIR_WAY:
                client.voicenotes.wait(ahead.popleft(), timeout=60)
        assert "written to" in backing_up.result().stderr

    restored = Server(tmp_path / "restored", VOCAFUSE_MODEL=small_model)
    restored.run("restore", str(backup))
    restored.start()
    try:
        assert {**restored.credentials, "base_url": ""} == {**server.credentials, "base_url": ""}
        with restored.client() as again:
            assert again.voicenotes(note.id).transcription.get().text == told
            bearer = {"Authorization": f"Bearer {token}"}
            assert httpx2.get(f"{restored.origin}/v1/voicenotes", headers=bearer).status_code == 200
            # What was on the queue goes on, and no note lacks its audio, whenever it came or went.
            wait_until(lambda: again.voicenotes.list(status="processing").total == 0)
            for one in again.voicenotes.list_all():
                assert len(again.voicenotes(one.id).audio()) == one["file_size_bytes"]
            assert again.voicenotes(note.id).audio() == CLIP.read_bytes()
        assert restored.stop() == 0
    finally:
        restored.close()
