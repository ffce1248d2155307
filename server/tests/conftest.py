"""What all tests of the server share."""

import os
from collections.abc import Iterator

import pytest
from support.listener import Listener, listening

from vocafuse_server.core.logging import configure_logging
from vocafuse_server.core.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings change no test."""
    for name in list(os.environ):
        if name.startswith("VOCAFUSE_") and not name.startswith("VOCAFUSE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """As the server's own: the default form of a traceback shows every local variable, in seconds."""
    configure_logging(Settings(log_format="text"))


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener
