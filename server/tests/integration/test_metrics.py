"""What `/metrics` shows of a real app, and to whom."""

import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import structlog
from httpx2 import ASGITransport
from sqlalchemy import text
from support.app import Account, Api, SettableClock, running_app
from support.clips import AUDIO, joined
from support.metrics import Scrape

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.ids import NoteId, parse_uuid
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.queue import JobQueue, JobState, Queue, Task
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.figures import JOBS_KEPT_S, STORED_KEPT_S, DatabaseReader
from vocafuse_server.jobs.tasks import run_transcription
from vocafuse_server.metrics_server import serving_metrics
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

SPOKEN = "whats-the-weather-like.wav"


async def scrape(api: Api) -> Scrape:
    answer = await api.http.get("/metrics", headers={"Host": "localhost:8000"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Scrape(answer.content)


async def upload(api: Api, account: Account, audio: bytes) -> NoteId:
    answer = await api.http.post(
        "/v1/voicenotes", headers=account.headers, files={"file": ("note.wav", audio)}
    )
    found = parse_uuid(answer.json()["id"])
    assert found is not None
    return NoteId(found)


async def test_requests_are_counted_and_scrapes_are_not(api: Api, account: Account) -> None:
    for path in ("/v1/voicenotes/one", "/v1/voicenotes/two", "/v1/recordings", "/no/such/page"):
        await api.http.get(path, headers=account.headers)
    await scrape(api)
    shown = await scrape(api)
    name = "vocafuse_http_request_duration_seconds_count"
    assert shown.value(name, method="GET", route="/v1/voicenotes/{note_id}", status="4xx") == 2
    assert shown.value(name, method="GET", route="/v1/recordings", status="2xx") == 1
    assert shown.value(name, method="GET", route="none", status="4xx") == 1
    assert {labels["route"] for labels in shown.labels(name)} == {
        "/v1/voicenotes/{note_id}",
        "/v1/recordings",
        "none",
    }


async def test_a_scrape_is_not_logged(api: Api) -> None:
    with structlog.testing.capture_logs() as lines:
        await scrape(api)
        await api.http.get("/healthz")
    assert [line["path"] for line in lines if line["event"] == "request"] == ["/healthz"]


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.1.2.3", {}, 404),
        ("somewhere", {}, 404),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Origin": "https://elsewhere.example"}, 404),
        # What a browser sends for a page whose name was made to mean this machine.
        ("127.0.0.1", {"Host": "elsewhere.example:8000"}, 404),
        ("127.0.0.1", {"Host": "10.1.2.3"}, 404),
        ("127.0.0.1", {"Host": "[::1]:8000"}, 200),
    ],
)
async def test_only_callers_on_this_machine_may_read_them(
    api: Api, address: str, headers: dict[str, str], status: int
) -> None:
    transport = ASGITransport(api.app, client=(address, 5000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as http:
        answer = await http.get("/metrics", headers=headers)
        unknown = await http.get("/no/such/page")
    assert answer.status_code == status
    if status == 404:
        assert {**answer.json()["error"], "request_id": ""} == {**unknown.json()["error"], "request_id": ""}


@pytest.mark.parametrize(("value", "status"), [("all", 200), ("off", 404)])
async def test_a_setting_opens_or_closes_them(
    settings: Settings, database_url: str, clock: SettableClock, value: str, status: int
) -> None:
    changed = Settings.model_validate({**settings.model_dump(), "metrics": value})
    async with running_app(changed, database_url, clock) as api:
        for address in ("127.0.0.1", "10.1.2.3"):
            transport = ASGITransport(api.app, client=(address, 5000))
            async with httpx2.AsyncClient(transport=transport, base_url="http://notes.test") as http:
                assert (await http.get("/metrics")).status_code == status


async def test_jobs_and_stored_audio_are_read_from_the_database(
    api: Api, account: Account, database: Database
) -> None:
    audio = (AUDIO / SPOKEN).read_bytes()
    await upload(api, account, audio)
    async with database.transaction() as session:
        at = api.context.clock() - timedelta(days=400)  # Whatever the clock of the database says.
        await JobQueue().enqueue(session, Task.DELIVER_WEBHOOK, queue=Queue.WEBHOOKS, at=at, delivery_id="x")
        at = api.context.clock() + timedelta(days=40_000)
        await JobQueue().enqueue(session, Task.DELIVER_WEBHOOK, queue=Queue.WEBHOOKS, at=at, delivery_id="y")
    shown = await scrape(api)
    assert shown.value("vocafuse_queue_jobs", queue="transcription", state="waiting") == 1
    assert shown.value("vocafuse_queue_jobs", queue="webhooks", state="waiting") == 1
    assert shown.value("vocafuse_queue_jobs", queue="webhooks", state="scheduled") == 1
    assert shown.value("vocafuse_queue_jobs", queue="maintenance", state="running") == 0
    assert shown.value("vocafuse_queue_oldest_job_age_seconds", queue="transcription") < 60
    assert shown.value("vocafuse_queue_oldest_job_age_seconds", queue="webhooks") > 3600
    assert shown.value("vocafuse_queue_oldest_job_age_seconds", queue="maintenance") == 0
    assert shown.value("vocafuse_stored_audio_bytes") == len(audio)


async def test_the_database_is_asked_no_more_often_than_needed(
    api: Api, account: Account, database: Database
) -> None:
    now_s = 0.0
    reader = DatabaseReader(database, monotonic=lambda: now_s)

    async def read() -> tuple[int, bool]:
        figures = await reader.read()
        assert figures.jobs is not None
        assert figures.stored_audio_bytes is not None
        return sum(count.jobs for count in figures.jobs.values()), figures.stored_audio_bytes > 0

    assert await read() == (0, False)
    await upload(api, account, (AUDIO / SPOKEN).read_bytes())
    assert await read() == (0, False)
    now_s = JOBS_KEPT_S + 1
    assert await read() == (1, False)
    now_s = STORED_KEPT_S + 1
    assert await read() == (1, True)


async def test_the_queues_are_shown_although_the_audio_takes_long_to_add_up(
    api: Api, account: Account, database: Database
) -> None:
    audio = (AUDIO / SPOKEN).read_bytes()
    await upload(api, account, audio)
    now_s = 0.0
    reader = DatabaseReader(database, patience_s=0.2, monotonic=lambda: now_s)
    async with database.transaction() as session:
        await session.execute(text("LOCK TABLE notes"))
        early = await reader.read()
        now_s = 10.0
    assert early.jobs is not None
    assert early.jobs[Queue.TRANSCRIPTION, JobState.WAITING].jobs == 1
    assert early.stored_audio_bytes is None
    assert (await reader.read()).stored_audio_bytes == len(audio)
    # Having taken ten seconds it rests for a thousand.
    await upload(api, account, audio)
    now_s = 1000.0
    assert (await reader.read()).stored_audio_bytes == len(audio)
    now_s = 1011.0
    assert (await reader.read()).stored_audio_bytes == 2 * len(audio)


async def test_without_a_database_the_rest_is_shown(settings: Settings, clock: SettableClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"postgresql://nobody@127.0.0.1:{probe.getsockname()[1]}/none"
    async with running_app(settings, nowhere, clock) as api:
        shown = await scrape(api)
    assert shown.value("vocafuse_transcriptions_total", outcome="transcribed") == 0
    assert shown.labels("vocafuse_queue_jobs") == []


def test_a_worker_shows_its_own_on_a_port_of_its_own(metrics: Metrics) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        settings = Settings(worker_metrics_port=port)
        with pytest.raises(StartupError, match=f"port {port} .*VOCAFUSE_WORKER_METRICS_PORT"):
            serving_metrics(settings, metrics).__enter__()
    with serving_metrics(settings, metrics):
        metrics.batch_begun(3)
        shown = Scrape(httpx2.get(f"http://127.0.0.1:{port}/metrics").content)
    assert shown.value("vocafuse_transcription_batch_windows_sum") == 3
    closed = Settings(worker_metrics_port=port, metrics="off")
    with serving_metrics(closed, metrics), pytest.raises(httpx2.ConnectError):
        httpx2.get(f"http://127.0.0.1:{port}/metrics")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def context(
    api: Api, clock: SettableClock, metrics: Metrics, models_dir: Path
) -> AsyncIterator[TranscribingContext]:
    """What a worker has, on the small English model."""
    decoder = DecoderPool(processes=1, limits=DecoderLimits())
    engine = AdaptiveWhisper.load(
        resolve_model("tiny.en", data_dir=models_dir),
        choose_hardware(device="cpu"),
        on_batch=metrics.batch_begun,
    )
    yield TranscribingContext(
        api.context.database, JobQueue(), api.context.objects, decoder, engine, clock, metrics
    )
    await engine.close()
    await decoder.close()


@pytest.mark.model
async def test_a_transcription_moves_the_figures(
    api: Api, account: Account, context: TranscribingContext, clock: SettableClock, metrics: Metrics
) -> None:
    note_id = await upload(api, account, (AUDIO / SPOKEN).read_bytes())
    clock.advance(timedelta(seconds=7))
    await transcribe_note(context, note_id)
    await transcribe_note(context, note_id)  # Done already: nothing happens, nothing is counted.
    shown = Scrape(metrics.render())
    assert shown.value("vocafuse_transcriptions_total", outcome="transcribed") == 1
    assert shown.value("vocafuse_transcribed_audio_seconds_total") == pytest.approx(2.03, abs=0.05)
    assert shown.value("vocafuse_transcription_second_passes_total") == 0
    assert shown.value("vocafuse_transcription_batch_windows_sum") == 1
    stages = "vocafuse_transcription_stage_duration_seconds"
    assert shown.value(f"{stages}_sum", stage="queue") == 7
    for stage in ("read", "decode", "vad", "features", "encode", "generate", "align", "commit"):
        assert shown.value(f"{stages}_count", stage=stage) == 1, stage
        assert 0 < shown.value(f"{stages}_sum", stage=stage) < 60, stage


@pytest.mark.model
async def test_a_second_pass_is_counted(
    api: Api, account: Account, context: TranscribingContext, metrics: Metrics
) -> None:
    # Who says the same three times sounds like a model that loops, and is listened to again.
    note_id = await upload(api, account, joined([SPOKEN] * 3))
    await transcribe_note(context, note_id)
    shown = Scrape(metrics.render())
    assert shown.value("vocafuse_transcription_second_passes_total") == 1
    assert shown.value("vocafuse_transcription_batch_windows_count") > 1


@pytest.mark.model
async def test_failures_are_counted_by_what_becomes_of_them(
    api: Api, account: Account, context: TranscribingContext, metrics: Metrics
) -> None:
    lost = await upload(api, account, (AUDIO / SPOKEN).read_bytes())
    await context.objects.delete(f"{account.id}/{lost}.wav")
    with pytest.raises(FileNotFoundError):
        await run_transcription(context, lost, attempt=1)
    broken = await upload(api, account, (AUDIO / "wav-0-hz.wav").read_bytes())
    await run_transcription(context, broken, attempt=1)
    shown = Scrape(metrics.render())
    assert shown.value("vocafuse_transcriptions_total", outcome="retried") == 1
    assert shown.value("vocafuse_transcriptions_total", outcome="failed") == 1
    assert shown.value("vocafuse_transcriptions_total", outcome="transcribed") == 0
