"""What all tests of the server share."""

import os
from collections.abc import Iterator

import pytest
import structlog
from support.listener import Listener, listening


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings change no test."""
    for name in list(os.environ):
        if name.startswith("VOCAFUSE_") and not name.startswith("VOCAFUSE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """As in the server's own logs: the default form shows every local variable, and takes seconds."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener
