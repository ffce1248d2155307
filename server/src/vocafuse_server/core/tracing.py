"""Traces by OpenTelemetry, if there is an endpoint to send them to; else it isn't even imported.

A trace goes from a request through the jobs that it put on the queue to the webhooks that they send: where it
has come to travels as W3C's `traceparent`, in a job's arguments and in a delivery's headers.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

import structlog

from vocafuse_server import __version__
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

TRACEPARENT = "traceparent"

_current: ContextVar[str | None] = ContextVar(TRACEPARENT, default=None)

Describe = Callable[..., None]
"""Called with a better name, or None, and with attributes by keyword: `http__route` for `http.route`."""


def current_traceparent() -> str | None:
    """Where the trace has come to of which this is a part; None if nothing is traced."""
    return _current.get()


class Tracer:
    """Makes the spans of a process and sends them, some at a time, from a thread of its own.

    Args:
        provider: Where spans go.
    """

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("vocafuse_server", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(
        self, name: str, kind: Literal["SERVER", "CONSUMER"], *, parent: str | None
    ) -> Generator[Describe]:
        """A span around the block, and its trace's id on the lines of the log; an exception marks it failed.

        Args:
            parent: The `traceparent` of what has led here; None, or one that says nothing, begins a trace.
        """
        from opentelemetry.trace import SpanKind

        came_from = self._propagator.extract({TRACEPARENT: parent} if parent else {})
        with self._tracer.start_as_current_span(name, came_from, SpanKind[kind]) as span:

            def describe(name: str | None = None, **attributes: str | int) -> None:
                if name is not None:
                    span.update_name(name)
                span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})

            token = _current.set(self._traceparent())
            trace_id = f"{span.get_span_context().trace_id:032x}"
            try:
                with structlog.contextvars.bound_contextvars(trace_id=trace_id):
                    yield describe
            finally:
                _current.reset(token)

    def close(self) -> None:
        """Send what is left; takes as long as the receiver does, some seconds at most."""
        self._provider.shutdown()

    def _traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier.get(TRACEPARENT)


def open_tracer(settings: Settings, service: str) -> Tracer | None:
    """What makes the spans of a process; None if nobody wants them.

    Args:
        service: What the process is called in traces.

    Raises:
        StartupError: OpenTelemetry isn't installed.
    """
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed:"
            " pip install 'vocafuse-server[tracing]', or unset it."
        ) from error
    resource = Resource.create({"service.name": service, "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    endpoint = f"{settings.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return Tracer(provider)
