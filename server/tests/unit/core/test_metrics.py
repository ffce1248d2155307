"""What is counted, and how it is shown."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.metrics import Scrape

from vocafuse_server.core.metrics import (
    DatabaseFigures,
    DeliveryOutcome,
    Metrics,
    Stage,
    TranscriptionOutcome,
)
from vocafuse_server.core.queue import JobCount, JobState, Queue

DOCUMENT = Path(__file__).parents[4] / "docs" / "metrics.md"
FIGURES = DatabaseFigures(
    {(queue, state): JobCount(3, 1.5) for queue in Queue for state in JobState}, stored_audio_bytes=1234
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_the_document_lists_every_figure_with_its_labels_and_meaning(metrics: Metrics) -> None:
    rows = {
        name: (kind, labels, meaning)
        for name, kind, labels, meaning in re.findall(
            r"^\| `(vocafuse_\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE
        )
    }
    metrics.request_answered(method="GET", route="/healthz", status=200, duration_s=0.1)
    shown = {
        family.name + ("_total" if family.type == "counter" else ""): family
        for family in text_string_to_metric_families(metrics.render(FIGURES).decode())
    }
    assert set(rows) == set(shown)
    for name, family in shown.items():
        kind, labels, meaning = rows[name]
        assert kind == family.type, name
        known = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert set(re.findall(r"`(\w+)`", labels)) == known, name
        assert meaning.startswith(family.documentation.rstrip(".")), name


def test_names_say_their_unit(metrics: Metrics) -> None:
    for family in text_string_to_metric_families(metrics.render(FIGURES).decode()):
        assert family.name.startswith("vocafuse_")
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_windows"))


def test_requests_are_counted_by_template_and_class(metrics: Metrics) -> None:
    route = "/v1/voicenotes/{note_id}"
    for status in (200, 206, 404):
        metrics.request_answered(method="GET", route=route, status=status, duration_s=0.02)
    scrape = Scrape(metrics.render())
    name = "vocafuse_http_request_duration_seconds"
    assert scrape.value(f"{name}_count", method="GET", route=route, status="2xx") == 2
    assert scrape.value(f"{name}_sum", method="GET", route=route, status="4xx") == pytest.approx(0.02)


def test_what_strangers_send_makes_no_series_of_its_own(metrics: Metrics) -> None:
    for number in range(50):
        metrics.request_answered(method=f"X{number}", route=None, status=404, duration_s=0.0)
    metrics.request_answered(method="GET", route=None, status=0, duration_s=0.0)
    scrape = Scrape(metrics.render())
    assert scrape.labels("vocafuse_http_request_duration_seconds_count") == [
        {"method": "other", "route": "none", "status": "4xx"},
        {"method": "GET", "route": "none", "status": "none"},
    ]


def test_a_transcription_counts_with_its_stages(metrics: Metrics) -> None:
    stages = {"queue": 0.5, "encode": 0.2, "align": 0.0, "transcribe": 0.3}
    metrics.note_transcribed(audio_s=4.5, second_passes=2, stages_s=stages)
    scrape = Scrape(metrics.render())
    assert scrape.value("vocafuse_transcriptions_total", outcome="transcribed") == 1
    assert scrape.value("vocafuse_transcribed_audio_seconds_total") == 4.5
    assert scrape.value("vocafuse_transcription_second_passes_total") == 2
    count = "vocafuse_transcription_stage_duration_seconds_count"
    counted = {stage: scrape.value(count, stage=stage.value) for stage in Stage}
    assert {stage for stage, times in counted.items() if times} == {Stage.QUEUE, Stage.ENCODE}


def test_series_with_known_labels_begin_at_zero(metrics: Metrics) -> None:
    scrape = Scrape(metrics.render())
    for outcome in TranscriptionOutcome:
        assert scrape.value("vocafuse_transcriptions_total", outcome=outcome.value) == 0
    for delivery in DeliveryOutcome:
        name = "vocafuse_webhook_attempt_duration_seconds_count"
        assert scrape.value(name, outcome=delivery.value) == 0


def test_batches_and_deliveries_are_counted(metrics: Metrics) -> None:
    for windows in (1, 4, 4):
        metrics.batch_begun(windows)
    metrics.delivery_attempted(DeliveryOutcome.REFUSED, duration_s=0.2)
    metrics.delivery_abandoned()
    scrape = Scrape(metrics.render())
    assert scrape.value("vocafuse_transcription_batch_windows_bucket", le="1.0") == 1
    assert scrape.value("vocafuse_transcription_batch_windows_sum") == 9
    assert scrape.value("vocafuse_webhook_attempt_duration_seconds_count", outcome="refused") == 1
    assert scrape.value("vocafuse_webhook_deliveries_abandoned_total") == 1


def test_the_databases_figures_are_absent_when_they_are_not_known(metrics: Metrics) -> None:
    assert "vocafuse_queue" not in metrics.render().decode()
    scrape = Scrape(metrics.render(FIGURES))
    assert scrape.value("vocafuse_queue_jobs", queue="webhooks", state="scheduled") == 3
    assert scrape.value("vocafuse_queue_oldest_job_age_seconds", queue="transcription") == 1.5
    assert scrape.value("vocafuse_stored_audio_bytes") == 1234
