"""The metrics of a running server: one scrape shows all its processes."""

import httpx2
import pytest
from support.clips import AUDIO
from support.metrics import Scrape
from support.running_server import Server
from support.waiting import wait_until

from vocafuse import Client

pytestmark = pytest.mark.xdist_group("e2e")


def test_one_scrape_shows_the_api_and_the_worker(client: Client, server: Server) -> None:
    def scrape() -> Scrape:
        return Scrape(httpx2.get(f"{server.origin}/metrics").content)

    def grown(name: str, **labels: str) -> float:
        return scrape().value(name, **labels) - before.value(name, **labels)

    before = scrape()
    note = client.voicenotes.upload(AUDIO / "harvard-birch-canoe.wav")
    client.voicenotes.wait(note.id, timeout=60)
    client.voicenotes(note.id).transcription.get()
    wait_until(lambda: grown("vocafuse_transcriptions_total", outcome="transcribed") == 1)
    assert grown("vocafuse_transcribed_audio_seconds_total") == pytest.approx(3.26, abs=0.05)
    assert grown("vocafuse_transcription_batch_windows_count") == 1
    assert grown("vocafuse_transcription_stage_duration_seconds_count", stage="decode") == 1
    shown = scrape()
    route = {"method": "GET", "route": "/v1/voicenotes/{note_id}/transcription", "status": "2xx"}
    assert shown.value("vocafuse_http_request_duration_seconds_count", **route) >= 1
    assert shown.value("vocafuse_queue_jobs", queue="transcription", state="failed") == 0
    assert not any("pid" in labels for labels in shown.labels("vocafuse_transcriptions_total"))
