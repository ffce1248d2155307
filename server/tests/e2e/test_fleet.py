"""Two APIs and three workers on one Postgres and one bucket: any may be killed, and the books balance."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from support.books import check_deliveries, check_notes, check_received, sweep_two_days_later, work_left
from support.chaos import PATIENCE_S, Load, progress, rows
from support.fleet import Fleet
from support.listener import Listener
from support.s3 import S3, s3_server
from support.stock_servers import stock_postgres
from support.waiting import wait_until

from vocafuse_server.core.settings import Settings

pytestmark = pytest.mark.xdist_group("fleet")

NOTES = 30
WORKERS = {
    "worker-everything": ["--queues", "transcription,fetching,webhooks,maintenance", "--concurrency", "4"],
    "worker-transcribing": ["--queues", "transcription"],
    "worker-telling": ["--queues", "webhooks,maintenance"],
}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    with s3_server(tmp_path / "s3.log") as server:
        yield server


@pytest.fixture
def fleet(tmp_path: Path, s3: S3, small_model: str) -> Iterator[Fleet]:
    with stock_postgres(tmp_path / "postgres") as database_url:
        fleet = Fleet(
            tmp_path,
            database_url,
            s3,
            apis=2,
            workers=WORKERS,
            VOCAFUSE_MODEL=small_model,
            VOCAFUSE_MODEL_WORKERS="1",
            VOCAFUSE_MODEL_THREADS="1",
            VOCAFUSE_WEBHOOK_RETRY_SECONDS="0.5,1,2,4,8",
        )
        try:
            fleet.set_up()
            yield fleet
        finally:
            fleet.close()


@pytest.mark.model
def test_any_process_may_be_killed_and_the_books_balance(
    fleet: Fleet, s3: S3, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = ["voicenote.created", "voicenote.transcribed", "voicenote.failed"]
    hook = {"url": listener.url, "events": events}
    assert httpx2.post(f"{fleet.origin}/v1/webhooks", headers=fleet.key_headers, json=hook).status_code == 201

    load = Load(fleet, NOTES)
    load.start()
    for number, name in enumerate(fleet.names, start=1):
        due = number * 2 * NOTES // (len(fleet.names) + 1)
        wait_until(lambda due=due: progress(fleet, load) >= due, within_s=PATIENCE_S)
        fleet.kill(name)
        fleet.start(name)
    load.finish()
    wait_until(lambda: work_left(fleet) == 0, within_s=PATIENCE_S)

    assert len(load.accepted.notes) == NOTES
    check_notes(fleet, load.accepted)
    check_deliveries(fleet, load.accepted)
    check_received(listener, load.accepted)
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    sweep_two_days_later(fleet, Settings(data_dir=tmp_path, storage_url=s3.url))
    kept = {str(key) for [key] in rows(fleet, "SELECT audio_key FROM notes")}
    assert len(kept) == NOTES
    wait_until(lambda: s3.stored() == kept, within_s=PATIENCE_S)
    assert "model ready" not in fleet.log("worker-telling").read_text()
    assert "note transcribed" in fleet.log("worker-transcribing").read_text()
