"""What a process counts, for Prometheus (docs/metrics.md says what each figure means).

No label takes values that users choose or that grow with them: never a tenant, a path, an id.

Under one supervisor the API and the worker are several processes, and one scrape shows them all: the
supervisor names a folder in PROMETHEUS_MULTIPROC_DIR, prometheus_client keeps each process's figures in files
there, and what is shown is their sum. Without that variable a process shows its own.
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from vocafuse_server import __version__
from vocafuse_server.core.queue import JobCount, JobState, Queue

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# From a millisecond, which most answers take, to ten minutes, the longest note on a slow machine.
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ATTEMPT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STORE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCH_BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 32)


class Stage(StrEnum):
    """What a note goes through, in this order."""

    QUEUE = "queue"
    READ = "read"
    DECODE = "decode"
    VAD = "vad"
    FEATURES = "features"
    ENCODE = "encode"
    GENERATE = "generate"
    ALIGN = "align"
    COMMIT = "commit"


class TranscriptionOutcome(StrEnum):
    """What came of a try to transcribe a note."""

    TRANSCRIBED = "transcribed"
    FAILED = "failed"  # For good, with a reason that the note's owner can read.
    RETRIED = "retried"  # An error that may pass.
    GONE = "gone"  # Deleted meanwhile, or begun anew in another language.


class DeliveryOutcome(StrEnum):
    """What came of one attempt at a webhook's delivery."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # An answer other than 2xx.
    UNREACHABLE = "unreachable"  # No answer.


class StoreCall(StrEnum):
    """What is asked of the object store."""

    WRITE = "write"
    READ = "read"
    OPEN = "open"
    HEAD = "head"
    RENAME = "rename"
    COPY = "copy"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """What only the database knows, for all processes at once; None for what can't be had from it now."""

    jobs: Mapping[tuple[Queue, JobState], JobCount] | None
    stored_audio_bytes: int | None


class Metrics:
    """The figures of this process."""

    def __init__(self) -> None:
        disable_created_metrics()  # A second series for each, which nothing needs.
        registry = self._registry = CollectorRegistry()
        self._requests = Histogram(
            "vocafuse_http_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route", "status"),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self._transcriptions = Counter(
            "vocafuse_transcriptions_total",
            "Tries to transcribe a note, by what came of them.",
            ("outcome",),
            registry=registry,
        )
        self._stages = Histogram(
            "vocafuse_transcription_stage_duration_seconds",
            "Time that a transcribed note spent in each stage.",
            ("stage",),
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self._audio = Counter(
            "vocafuse_transcribed_audio_seconds_total",
            "Length of the notes that were transcribed.",
            registry=registry,
        )
        self._second_passes = Counter(
            "vocafuse_transcription_second_passes_total",
            "Windows of audio whose text looked wrong and that were transcribed again.",
            registry=registry,
        )
        self._batches = Histogram(
            "vocafuse_transcription_batch_windows",
            "Windows of audio that were transcribed together.",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self._attempts = Histogram(
            "vocafuse_webhook_attempt_duration_seconds",
            "Time that an attempt at a webhook's delivery took, by what came of it.",
            ("outcome",),
            buckets=_ATTEMPT_BUCKETS,
            registry=registry,
        )
        self._abandoned = Counter(
            "vocafuse_webhook_deliveries_abandoned_total",
            "Deliveries whose last attempt has failed.",
            registry=registry,
        )
        self._store = Histogram(
            "vocafuse_store_call_duration_seconds",
            "Time that a call of the object store took.",
            ("call", "outcome"),
            buckets=_STORE_BUCKETS,
            registry=registry,
        )
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Make the series whose labels are known: a rate over a first event needs the zero before it."""
        for transcription in TranscriptionOutcome:
            self._transcriptions.labels(transcription.value)
        for stage in Stage:
            self._stages.labels(stage.value)
        for delivery in DeliveryOutcome:
            self._attempts.labels(delivery.value)
        for call in StoreCall:
            for outcome in ("answered", "failed"):
                self._store.labels(call.value, outcome)

    def request_answered(self, *, method: str, route: str | None, status: int, duration_s: float) -> None:
        """Note a request.

        Args:
            method: As it was sent.
            route: The route's template; None: there is no such route.
            status: The answer's status code; 0: there was no answer.
            duration_s: How long it took.
        """
        self._requests.labels(
            method if method in _METHODS else "other",
            route or "none",
            f"{status // 100}xx" if status else "none",
        ).observe(duration_s)

    def note_transcribed(self, *, audio_s: float, second_passes: int, stages_s: Mapping[str, float]) -> None:
        """Note a transcription that has been recorded.

        Args:
            audio_s: The note's length.
            second_passes: How many of its windows were transcribed again.
            stages_s: Seconds by stage; one that took no time was left out. Others than `Stage` are no stages.
        """
        self.transcription_tried(TranscriptionOutcome.TRANSCRIBED)
        self._audio.inc(audio_s)
        self._second_passes.inc(second_passes)
        for stage in Stage:
            if (duration_s := stages_s.get(stage.value, 0.0)) > 0:
                self._stages.labels(stage.value).observe(duration_s)

    def transcription_tried(self, outcome: TranscriptionOutcome) -> None:
        """Note what came of a try."""
        self._transcriptions.labels(outcome.value).inc()

    def batch_begun(self, windows: int) -> None:
        """Note a batch of so many windows."""
        self._batches.observe(windows)

    def delivery_attempted(self, outcome: DeliveryOutcome, *, duration_s: float) -> None:
        """Note an attempt at a delivery."""
        self._attempts.labels(outcome.value).observe(duration_s)

    def delivery_abandoned(self) -> None:
        """Note a delivery that is not attempted again."""
        self._abandoned.inc()

    @contextmanager
    def store_called(self, call: StoreCall) -> Generator[None]:
        """Note a call of the object store that takes as long as the block; that there is no such object is an
        answer."""
        started, outcome = time.perf_counter(), "failed"
        try:
            yield
            outcome = "answered"
        except FileNotFoundError:
            outcome = "answered"
            raise
        finally:
            self._store.labels(call.value, outcome).observe(time.perf_counter() - started)

    def render(self, figures: DatabaseFigures | None = None) -> bytes:
        """All figures in Prometheus's text format; those of the database if they are given."""
        registry = self.registry()
        registry.register(_Known([_BUILD, *(_gauges(figures) if figures else ())]))
        return generate_latest(registry)

    def registry(self) -> CollectorRegistry:
        """The figures of this process, or of all that share a folder with it."""
        registry = CollectorRegistry()
        try:
            MultiProcessCollector(registry)
        except ValueError:  # There is no such folder.
            registry.register(self._registry)
        return registry


_BUILD = InfoMetricFamily("vocafuse_build", "The version that runs.", {"version": __version__})


class _Known:
    """Figures as they are."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _gauges(figures: DatabaseFigures) -> Iterator[Metric]:
    if figures.jobs is not None:
        yield from _queue_gauges(figures.jobs)
    if figures.stored_audio_bytes is not None:
        stored = GaugeMetricFamily(
            "vocafuse_stored_audio_bytes", "Size of the notes' audio in the object store."
        )
        stored.add_metric((), figures.stored_audio_bytes)
        yield stored


def _queue_gauges(counts: Mapping[tuple[Queue, JobState], JobCount]) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "vocafuse_queue_jobs", "Jobs on each queue, by where they stand.", labels=("queue", "state")
    )
    age = GaugeMetricFamily(
        "vocafuse_queue_oldest_job_age_seconds",
        "For how long the job that has waited longest could have run.",
        labels=("queue",),
    )
    for (queue, state), count in counts.items():
        jobs.add_metric((queue.value, state.value), count.jobs)
        if state is JobState.WAITING:
            age.add_metric((queue.value,), count.oldest_s)
    yield from (jobs, age)
