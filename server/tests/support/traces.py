"""A real receiver of traces: OTLP over HTTP, as collectors speak it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class TraceReceiver:
    """What has come to it.

    Attributes:
        endpoint: For OTEL_EXPORTER_OTLP_ENDPOINT.
        spans: Each span with the name of the service that sent it.
    """

    endpoint: str
    spans: list[tuple[str, Span]] = field(default_factory=list)

    def named(self, name: str) -> Span:
        """The one span with this name."""
        [found] = [span for _, span in self.spans if span.name == name]
        return found


def attributes(span: Span) -> dict[str, str | int]:
    return {
        one.key: one.value.int_value if one.value.HasField("int_value") else one.value.string_value
        for one in span.attributes
    }


@contextmanager
def receiving_traces() -> Generator[TraceReceiver]:
    """A receiver on a free port of this machine, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for of_service in sent.resource_spans:
                [service] = [
                    one.value.string_value
                    for one in of_service.resource.attributes
                    if one.key == "service.name"
                ]
                found.spans += [(service, span) for scope in of_service.scope_spans for span in scope.spans]
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        found = TraceReceiver(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield found
        http.shutdown()
