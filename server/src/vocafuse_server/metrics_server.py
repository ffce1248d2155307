"""Showing the metrics of a process that serves nothing else, on a port of its own."""

from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import start_http_server

from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.metrics import Metrics
from vocafuse_server.core.settings import Settings


@contextmanager
def serving_metrics(settings: Settings, metrics: Metrics) -> Generator[None]:
    """Answer scrapes on the settings' port, if there is one, while the block runs.

    Raises:
        StartupError: The port can't be had.
    """
    port = settings.worker_metrics_port
    if port is None or settings.metrics == "off":
        yield
        return
    address = settings.host if settings.metrics == "all" else "127.0.0.1"
    try:
        server, thread = start_http_server(port, addr=address, registry=metrics.registry())
    except OSError as error:
        raise StartupError(
            f"Can't show metrics on {address} port {port} ({error.strerror}):"
            " set VOCAFUSE_WORKER_METRICS_PORT to another one."
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
