"""v2 against the real server and model: fetched audio, uploads, and one note in both dialects."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server
from support.waiting import wait_until

from vocafuse import AccessToken, Client, NotFoundError

pytestmark = pytest.mark.xdist_group("e2e")
SPOKEN = "harvard-birch-canoe.wav"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A web server of this machine with all clips."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(AUDIO))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


class V2:
    """A user of v2."""

    def __init__(self, server: Server, user_id: str) -> None:
        known = server.credentials
        self.token: str = AccessToken(
            known["api_key"], known["api_secret"], identity=user_id, base_url=known["base_url"]
        )(expires_in=600)["token"]
        headers = {"Authorization": f"Bearer {self.token}"}
        self.http = httpx2.Client(base_url=server.origin, headers=headers, timeout=30)

    def close(self) -> None:
        self.http.close()

    def ask(self, method: str, path: str = "", **parts: Any) -> dict[str, Any]:
        answer = self.http.request(method, f"/api/v2/voice-notes{path}", **parts)
        body: dict[str, Any] = answer.json()
        assert body["success"] is answer.is_success, body
        return body

    def create(self, **fields: object) -> str:
        found: str = self.ask("POST", json=fields)["voiceNote"]["id"]
        return found

    def transcribed(self, note_id: str) -> dict[str, Any]:
        """The note once its transcription, asked for here, has ended."""
        queued = self.ask("POST", f"/{note_id}/transcribe")
        assert (queued["status"], queued["voiceNoteId"]) == ("processing", note_id)
        wait_until(lambda: self.get(note_id)["status"] != "processing")
        return self.get(note_id)

    def get(self, note_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/{note_id}")["voiceNote"]
        return found


@pytest.fixture
def ann(server: Server) -> Iterator[V2]:
    with closing(V2(server, "ann")) as user:
        yield user


def test_a_clip_is_fetched_and_transcribed(ann: V2, client: Client, site: str, listener: Listener) -> None:
    events = ["voicenote.created", "voicenote.transcribed"]
    webhook = client.webhooks.create(url=listener.url, events=events)
    note_id = ann.create(audioUrl=f"{site}/{SPOKEN}", title="Canoe", tags=["harvard"], duration=45)
    assert ann.get(note_id)["status"] == "created"
    note = ann.transcribed(note_id)
    assert (note["status"], note["audio_url"]) == ("completed", f"{site}/{SPOKEN}")
    assert note["duration"] == pytest.approx(3.26, abs=0.05)
    assert "birch canoe" in note["transcript"].lower()
    transcript = ann.ask("GET", f"/{note_id}/transcript")
    assert (transcript["transcript"], transcript["title"]) == (note["transcript"], "Canoe")
    assert transcript["segments"] == note["transcript_segments"]
    assert 0 <= transcript["segments"][0]["start"] < transcript["segments"][-1]["end"] <= 3.3
    assert [listener.next().payload["event"] for _ in events] == events
    client.webhooks.delete(webhook.id)

    seen = client.voicenotes.get(note_id)
    assert (seen["status"], seen["upload_source"]) == ("transcribed", "url")
    assert seen["original_filename"] == SPOKEN
    assert client.voicenotes(note_id).transcription.get().text == note["transcript"]
    assert ann.ask("GET", params={"tags": "harvard", "status": "completed"})["total"] == 1
    client.voicenotes.delete(note_id)


def test_an_upload_becomes_a_voice_note_and_is_transcribed_anew(ann: V2, server: Server) -> None:
    asked = ann.http.post("/v1/upload", json={"file_name": SPOKEN}).json()
    assert httpx2.put(asked["presigned_url"], content=(AUDIO / SPOKEN).read_bytes()).status_code == 200
    note_id = ann.create(audioUrl=asked["audio_url"])
    first = ann.transcribed(note_id)
    again = ann.transcribed(note_id)
    assert again["status"] == "completed"
    assert (again["transcript"], "birch canoe" in first["transcript"].lower()) == (first["transcript"], True)
    ann.ask("DELETE", f"/{note_id}")
    assert ann.ask("GET", f"/{note_id}")["error"] == "Voice note not found"


def test_what_can_not_be_fetched_fails_the_note_with_a_reason(ann: V2, client: Client, site: str) -> None:
    note_id = ann.create(audioUrl=f"{site}/no-such-file.wav")
    assert ann.transcribed(note_id)["status"] == "failed"
    refusal = ann.ask("GET", f"/{note_id}/transcript")
    assert refusal["error"] == "Transcript not available"
    assert "The server answered 404" in refusal["message"]
    assert client.voicenotes.get(note_id)["failure"]["code"] == "AUDIO_FETCH_FAILED"
    client.voicenotes.delete(note_id)
    with pytest.raises(NotFoundError):
        client.voicenotes.get(note_id)


def test_users_see_their_own_notes_only(ann: V2, server: Server, other_client: Client) -> None:
    note_id = ann.create(audioUrl="https://cdn.example.com/a.webm")
    with closing(V2(server, "bob")) as bob:
        assert bob.ask("GET", f"/{note_id}")["error"] == "Voice note not found"
        assert bob.ask("GET")["total"] == 0
    with pytest.raises(NotFoundError):
        other_client.voicenotes.get(note_id)
    ann.ask("DELETE", f"/{note_id}")
