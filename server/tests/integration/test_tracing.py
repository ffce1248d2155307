"""A trace goes from a request through its jobs to the webhook, if somebody takes traces."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from support.app import SettableClock, make_account, running_app
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import server_environment
from support.traces import attributes, receiving_traces
from support.worker import worker

from vocafuse_server.core.database import Database
from vocafuse_server.core.settings import Settings, load_settings
from vocafuse_server.core.tracing import open_tracer
from vocafuse_server.transcription.adaptive import AdaptiveWhisper

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def run_script(script: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, with what the tests have to import."""
    return subprocess.run(
        [sys.executable, "-c", script],
        env={
            **server_environment(data_dir, VOCAFUSE_LOG_FORMAT="json"),
            "PYTHONPATH": str(Path(__file__).parents[1]),
        },
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.model
async def test_a_trace_goes_from_the_request_to_the_webhook(
    tmp_path: Path,
    database_url: str,
    database: Database,
    clock: SettableClock,
    engine: AdaptiveWhisper,
    listener: Listener,
) -> None:
    account = await make_account(database)
    audio = (AUDIO / "whats-the-date-today.wav").read_bytes()
    with receiving_traces() as receiver, structlog.testing.capture_logs() as lines:
        settings = Settings.model_validate(
            {
                "data_dir": tmp_path,
                "otel_exporter_otlp_endpoint": receiver.endpoint,
                "allow_private_networks": "127.0.0.0/8",
            }
        )
        tracer = open_tracer(settings, "vocafuse-worker")
        assert tracer is not None
        async with running_app(settings, database_url, clock) as api:
            hook = {"url": listener.url, "events": ["voicenote.transcribed"]}
            await api.http.post("/v1/webhooks", headers=account.headers, json=hook)
            answer = await api.http.post(
                "/v1/voicenotes",
                headers={**account.headers, "traceparent": CALLER},
                files={"file": ("a.wav", audio)},
            )
            await api.http.get("/healthz")
            async with worker(api, database_url, clock, engine, tracer=tracer) as app:
                await app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False)
        tracer.close()

    note_id = answer.json()["id"]
    request = receiver.named("POST /v1/voicenotes")
    transcription, delivery = receiver.named("transcribe_note"), receiver.named("deliver_webhook")
    trace_id = bytes.fromhex(CALLER.split("-")[1])
    assert [one.trace_id for one in (request, transcription, delivery)] == [trace_id] * 3
    assert request.parent_span_id == bytes.fromhex(CALLER.split("-")[2])
    assert transcription.parent_span_id == request.span_id
    assert delivery.parent_span_id == transcription.span_id
    assert {(service, span.name) for service, span in receiver.spans} == {
        ("vocafuse-api", "POST /v1/webhooks"),
        ("vocafuse-api", "POST /v1/voicenotes"),
        ("vocafuse-worker", "transcribe_note"),
        ("vocafuse-worker", "deliver_webhook"),
    }
    assert attributes(request)["http.response.status_code"] == 201
    assert attributes(request)["request_id"] == answer.headers["x-request-id"]
    assert attributes(transcription) == {"note_id": note_id, "tenant_id": str(account.id)}
    assert listener.next().headers["traceparent"] == f"00-{trace_id.hex()}-{delivery.span_id.hex()}-01"
    assert [line["note_id"] for line in lines if line["event"] == "note transcribed"] == [note_id]


async def test_without_an_endpoint_no_exporter_is_imported_and_nothing_sent(
    settings: Settings, database_url: str, clock: SettableClock, database: Database, tmp_path: Path
) -> None:
    assert open_tracer(settings, "vocafuse-api") is None
    account = await make_account(database)
    async with running_app(settings, database_url, clock) as api:
        await api.http.post(
            "/v1/voicenotes",
            headers={**account.headers, "traceparent": CALLER},
            files={"file": ("a.wav", (AUDIO / "whats-the-date-today.wav").read_bytes())},
        )
    async with database.transaction() as session:
        connection = await session.connection()
        [[arguments]] = (await connection.exec_driver_sql("SELECT args FROM procrastinate_jobs")).all()
    assert "traceparent" not in arguments
    imported = await asyncio.to_thread(
        run_script,
        "import sys, vocafuse_server.app, vocafuse_server.worker\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.exporter')])",
        tmp_path,
    )
    assert imported.stdout == "[]\n"


def test_the_endpoint_has_the_name_that_everybody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert load_settings().otel_exporter_otlp_endpoint == "http://collector:4318"


async def test_lines_of_the_log_say_what_they_are_about(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    """As JSON, from the code that a process runs."""
    account = await make_account(database)
    script = f"""
import asyncio, httpx2
from support.app import SettableClock, running_app
from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.settings import load_settings

async def main():
    settings = load_settings()
    configure_logging(settings)
    async with running_app(settings, {database_url!r}, SettableClock()) as api:
        headers = {account.headers!r}
        made = await api.http.post("/v1/upload", headers=headers, json={{"file_name": "a.wav"}})
        await api.http.get("/v1/voicenotes/" + made.json()["voicenote_id"], headers=headers)
        print(made.json()["voicenote_id"])

asyncio.run(main())
"""
    ran = await asyncio.to_thread(run_script, script, tmp_path)
    made, read = (json.loads(line) for line in ran.stderr.splitlines() if '"event": "request"' in line)
    for line in (made, read):
        assert line["request_id"].startswith("req_")
        assert line["tenant_id"] == str(account.id)
        assert line["note_id"] == ran.stdout.strip()
    assert made["request_id"] != read["request_id"]
