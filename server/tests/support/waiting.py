"""Waiting for what happens in another process, and no longer than it takes."""

import threading
import time
from collections.abc import Callable

_PAUSE = threading.Event()  # Never set: waiting for it is a pause between two looks.


def wait_until(happened: Callable[[], bool], *, within_s: float = 60) -> None:
    """Look until it has happened; fails the test when it doesn't."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        _PAUSE.wait(0.05)
