"""Nothing accepted is lost, whatever is killed: notes under load, random kills, then the books are checked.

`make test` runs a short form; `make chaos` one with hundreds of notes.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.chaos import Accepted, database_url, rows, stored_files, strike_under_load
from support.listener import Listener
from support.running_server import Server
from support.waiting import wait_until

from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.settings import Settings
from vocafuse_server.notes.sweeping import SweepContext, sweep_store, sweep_uploads
from vocafuse_server.storage.objects import open_objects

pytestmark = pytest.mark.xdist_group("e2e-chaos")

NOTES, KILLS, SEED = (int(part) for part in os.environ.get("VOCAFUSE_TEST_CHAOS", "40,6,1").split(","))
PATIENCE_S = 240
DAY = timedelta(days=1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path / "data", VOCAFUSE_WEBHOOK_RETRY_SECONDS="0.5,1,2,4,8")
    running.start()
    yield running
    running.close()


def test_nothing_accepted_is_lost_or_done_twice(
    server: Server, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    with server.client() as client:
        client.webhooks.create(
            url=listener.url, events=["voicenote.created", "voicenote.transcribed", "voicenote.failed"]
        )
    accepted, kills = strike_under_load(server, notes=NOTES, kills=KILLS, seed=SEED)
    assert len(accepted.notes) == NOTES
    assert kills.total() == KILLS
    wait_until(lambda: work_left(server) == 0, within_s=PATIENCE_S)

    check_notes(server, accepted)
    check_deliveries(server, accepted)
    told = check_received(listener, accepted)
    sweep_two_days_later(server)
    kept = {str(key) for [key] in rows(server, "SELECT audio_key FROM notes")}
    assert len(kept) == NOTES  # and no row of an upload that was never made
    wait_until(lambda: stored_files(server) == kept, within_s=PATIENCE_S)
    assert server.stop() == 0
    with capsys.disabled():
        print(  # noqa: T201 - for whoever runs `make chaos`
            f"\n{NOTES} notes, {KILLS} kills ({', '.join(f'{n} {fault}' for fault, n in kills.items())})"
            f" and the whole server once: {accepted.repeated} requests repeated,"
            f" {told - 2 * NOTES} of {told} deliveries made again, {time.monotonic() - started:.0f} s"
        )


def work_left(server: Server) -> int:
    """Notes and deliveries that are still on their way, and jobs that are."""
    [[left]] = rows(
        server,
        "SELECT (SELECT count(*) FROM notes WHERE status = 'processing')"
        " + (SELECT count(*) FROM webhook_deliveries WHERE status = 'pending')"
        " + (SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'maintenance')",
    )
    assert isinstance(left, int)
    return left


def check_notes(server: Server, accepted: Accepted) -> None:
    """Each is where it should be, once, and counted once."""
    states = rows(server, "SELECT id::text, status FROM notes WHERE status <> 'created'")
    assert {str(note_id): status for note_id, status in states} == {
        **dict.fromkeys(accepted.transcribable, "transcribed"),
        **dict.fromkeys(accepted.damaged, "failed"),
    }
    texts = rows(server, "SELECT note_id::text, text FROM transcriptions")
    assert sorted(str(note_id) for note_id, _ in texts) == sorted(accepted.transcribable)
    assert all("date" in str(text).lower() for _, text in texts)
    [[counted]] = rows(server, "SELECT sum(notes_count) FROM daily_usage")
    assert counted == NOTES


def check_deliveries(server: Server, accepted: Accepted) -> None:
    """Each event was announced once, since each step of a note was taken once."""
    announced = Counter(rows(server, "SELECT note_id::text, event, status FROM webhook_deliveries"))
    assert announced == Counter((*event, "delivered") for event in events(accepted))


def check_received(listener: Listener, accepted: Accepted) -> int:
    """The receiver has heard of each at least once; how often in all."""
    received = [listener.received.get_nowait().payload for _ in range(listener.received.qsize())]
    assert {(one["voicenote"]["id"], one["event"]) for one in received} == events(accepted)
    return len(received)


def events(accepted: Accepted) -> set[tuple[str, str]]:
    return {
        *((note_id, "voicenote.created") for note_id in accepted.notes),
        *((note_id, "voicenote.transcribed") for note_id in accepted.transcribable),
        *((note_id, "voicenote.failed") for note_id in accepted.damaged),
    }


def sweep_two_days_later(server: Server) -> None:
    """What the server does every hour and every six, but in two days' time."""

    def later() -> datetime:
        return utc_now() + 2 * DAY

    async def sweep() -> None:
        database = Database(database_url(server), pool_size=2)
        objects = open_objects(Settings(data_dir=server.data_dir))
        context = SweepContext(database, JobQueue(), objects, DAY, later)
        await sweep_uploads(context)
        await sweep_store(context)
        await database.close()

    asyncio.run(sweep())
