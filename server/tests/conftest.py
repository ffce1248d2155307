"""What all tests of the server share."""

import os
from collections.abc import Iterator

import pytest
from support.listener import Listener, listening


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings change no test."""
    for name in list(os.environ):
        if name.startswith("VOCAFUSE_") and not name.startswith("VOCAFUSE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener
