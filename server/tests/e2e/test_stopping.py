"""SIGTERM: nothing new is begun, what is open comes to its end or goes back on the queue."""

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from support.chaos import rows
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server
from support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("e2e-stopping")

SPOKEN = (AUDIO / "whats-the-date-today.wav").read_bytes()
PATIENCE_S = 60
PENDING = "SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"


@pytest.fixture
def server(tmp_path: Path, small_model: str) -> Iterator[Server]:
    stopped = Server(
        tmp_path / "data",
        VOCAFUSE_MODEL=small_model,
        VOCAFUSE_STOP_SECONDS="30",
        VOCAFUSE_WEBHOOK_TIMEOUT_SECONDS="60",
    )
    yield stopped
    stopped.close()


class SlowUpload:
    """An upload that sends half of its bytes, and the rest when it is told to."""

    def __init__(self, server: Server) -> None:
        with httpx2.Client(base_url=server.origin, headers=server.key_headers) as http:
            asked = http.post("/v1/upload", json={"file_name": "a.wav"}).raise_for_status().json()
        self.note_id: str = asked["voicenote_id"]
        self._url: str = asked["presigned_url"]
        self._rest = threading.Event()
        self._incoming = server.data_dir / "audio" / "incoming"

    def start(self, threads: ThreadPoolExecutor) -> "Future[int]":
        """Begin, and wait until the first half is there; the result is the status of the answer."""
        answer = threads.submit(self._put)
        wait_until(lambda: self._incoming.is_dir() and any(self._incoming.iterdir()), within_s=PATIENCE_S)
        return answer

    def finish(self) -> None:
        self._rest.set()

    def _put(self) -> int:
        headers = {"Content-Length": str(len(SPOKEN))}
        return httpx2.put(self._url, content=self._body(), headers=headers, timeout=PATIENCE_S).status_code

    def _body(self) -> Iterator[bytes]:
        yield SPOKEN[: len(SPOKEN) // 2]
        self._rest.wait(PATIENCE_S)
        yield SPOKEN[len(SPOKEN) // 2 :]


def is_stopping(server: Server) -> bool:
    """Whether both processes have said that they stop."""
    said = server.log_file.read_text()
    return "worker stopping" in said and "API stopping" in said


def test_a_stop_waits_for_what_is_open_and_a_short_one_gives_it_back(
    server: Server, listener: Listener
) -> None:
    server.start()
    with server.client() as client:
        client.webhooks.create(url=listener.url, events=["voicenote.created"])
    listener.gate.clear()
    done = stop_with_time(server, listener)

    server.environment["VOCAFUSE_STOP_SECONDS"] = "1"
    start_although_the_worker_is_killed(server)
    # Of the first note the receiver has heard; now it hears of the second, and doesn't answer.
    assert listener.next().payload["voicenote"]["id"] == done[1]
    cut = stop_in_a_hurry(server)

    listener.gate.set()
    server.start()
    assert listener.next().payload["voicenote"]["id"] == done[1]
    with server.client() as client:
        for note_id in done:
            assert client.voicenotes.wait(note_id, timeout=PATIENCE_S)["status"] == "transcribed"
        assert client.voicenotes.get(cut)["status"] == "created"
    wait_until(lambda: rows(server, PENDING) == [(0,)], within_s=PATIENCE_S)
    assert rows(server, "SELECT attempts FROM webhook_deliveries") == [(1,), (1,)]
    assert server.stop(signal.SIGTERM) == 0


def stop_with_time(server: Server, listener: Listener) -> tuple[str, str]:
    """A stop while a delivery waits for its answer and an upload for its second half; both come to their end.

    The ids of the two notes.
    """
    with ThreadPoolExecutor(2) as threads, server.client() as client:
        note_id = client.voicenotes.upload(AUDIO / "whats-the-date-today.wav").id
        assert listener.next().payload["voicenote"]["id"] == note_id
        slow = SlowUpload(server)
        answer = slow.start(threads)
        stopped = threads.submit(server.stop, signal.SIGTERM)
        wait_until(lambda: is_stopping(server), within_s=PATIENCE_S)
        slow.finish()
        assert answer.result(PATIENCE_S) == 200
        listener.gate.set()
        assert stopped.result(PATIENCE_S) == 0
        listener.gate.clear()
    return note_id, slow.note_id


def stop_in_a_hurry(server: Server) -> str:
    """A stop that has no time for an upload whose second half doesn't come; the id of its note."""
    with ThreadPoolExecutor(1) as threads:
        cut = SlowUpload(server)
        answer = cut.start(threads)
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < PATIENCE_S / 2
        cut.finish()
        assert answer.result(PATIENCE_S) == 503
    return cut.note_id


def start_although_the_worker_is_killed(server: Server) -> None:
    """A start while the worker is killed before it is ready."""
    with ThreadPoolExecutor(1) as threads:
        started = threads.submit(server.start)
        wait_until(lambda: bool(server.children("worker")), within_s=PATIENCE_S)
        killed = server.worker()
        killed.kill()
        started.result(PATIENCE_S)
    assert server.worker().pid != killed.pid
