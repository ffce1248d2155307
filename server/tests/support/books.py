"""The books of a server that was under load: what it took on against what came of it."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

from support.chaos import Accepted, Target, rows
from support.listener import Listener
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.settings import Settings
from vocafuse_server.notes.sweeping import SweepContext, sweep_store, sweep_uploads
from vocafuse_server.storage.objects import open_objects

DAY = timedelta(days=1)


def work_left(server: Target) -> int:
    """Notes and deliveries that are still on their way, and jobs that are."""
    [[left]] = rows(
        server,
        "SELECT (SELECT count(*) FROM notes WHERE status = 'processing')"
        " + (SELECT count(*) FROM webhook_deliveries WHERE status = 'pending')"
        " + (SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'maintenance')",
    )
    assert isinstance(left, int)
    return left


def check_notes(server: Target, accepted: Accepted) -> None:
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
    assert counted == len(accepted.notes)


def check_deliveries(server: Target, accepted: Accepted) -> None:
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


def sweep_two_days_later(server: Target, settings: Settings) -> None:
    """What the server does every hour and every six, but in two days' time."""

    def later() -> datetime:
        return utc_now() + 2 * DAY

    async def sweep() -> None:
        database = Database(server.database_url, pool_size=2)
        context = SweepContext(database, JobQueue(), open_objects(settings), DAY, later)
        await sweep_uploads(context)
        await sweep_store(context)
        await database.close()

    asyncio.run(sweep())
