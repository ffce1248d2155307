"""What the worker takes of the machine's memory while it is busy."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path

import psycopg
import pytest
from support.clips import joined
from support.running_server import Server
from support.waiting import wait_until

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.xdist_group("e2e")

NOTES = 8
MAX_RESIDENT_MB = 900
# All of them, from wherever one begins, take half a minute.
CLIPS = (
    *("wav-16k.wav", "harvard-birch-canoe.wav", "whats-the-weather-like.wav", "arctic_a0009.wav"),
    *("wav-16k.wav", "harvard-birch-canoe.wav", "arctic_a0009.wav", "wav-16k.wav"),
)


def half_a_minute(first: int) -> BytesIO:
    return BytesIO(joined(islice(cycle(CLIPS), first, first + len(CLIPS))))


def peak_mb(pid: int) -> float:
    """The most that a process has held in memory at once, since its `clear_refs` was written to."""
    [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024 / 1e6


def test_a_busy_worker_stays_small(server: Server) -> None:
    worker = server.worker()
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5")
    notes = [half_a_minute(first) for first in range(NOTES)]
    with (
        server.client() as client,
        psycopg.connect(EmbeddedPostgres(server.data_dir / "postgres").url(), autocommit=True) as database,
        ThreadPoolExecutor(NOTES) as threads,
    ):
        uploads = list(threads.map(client.voicenotes.upload, notes))
        running = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
        wait_until(lambda: database.execute(running).fetchone() == (NOTES,))
        texts: list[str] = []
        for upload in uploads:
            note = client.voicenotes.wait(upload.id, timeout=120)
            assert note["duration_seconds"] > 30
            texts.append(client.voicenotes(upload.id).transcription.get().text)
    assert all("weather" in text for text in texts), texts
    assert server.worker().pid == worker.pid
    assert peak_mb(worker.pid) < MAX_RESIDENT_MB
