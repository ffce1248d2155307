"""Nothing accepted is lost, whatever is killed: notes under load, random kills, then the books are checked.

`make test` runs a short form; `make chaos` one with hundreds of notes.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.books import check_deliveries, check_notes, check_received, sweep_two_days_later, work_left
from support.chaos import rows, stored_files, strike_under_load
from support.listener import Listener
from support.running_server import Server
from support.waiting import wait_until

from vocafuse_server.core.settings import Settings

pytestmark = pytest.mark.xdist_group("e2e-chaos")

NOTES, KILLS, SEED = (int(part) for part in os.environ.get("VOCAFUSE_TEST_CHAOS", "40,6,1").split(","))
PATIENCE_S = 240


@pytest.fixture
def server(tmp_path: Path, small_model: str) -> Iterator[Server]:
    running = Server(
        tmp_path / "data", VOCAFUSE_MODEL=small_model, VOCAFUSE_WEBHOOK_RETRY_SECONDS="0.5,1,2,4,8"
    )
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
    sweep_two_days_later(server, Settings(data_dir=server.data_dir))
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
