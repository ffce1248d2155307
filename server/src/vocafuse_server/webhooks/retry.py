"""When a failed delivery is tried again."""

import random
from collections.abc import Sequence
from datetime import timedelta

_JITTER = 0.1


def next_delay(attempts: int, delays_s: Sequence[float], *, rng: random.Random) -> timedelta | None:
    """How long to wait after `attempts` failed attempts; None when it is time to give up.

    A tenth of jitter either way keeps a receiver that comes back from being met by everything at once.
    """
    if attempts > len(delays_s):
        return None
    return timedelta(seconds=delays_s[attempts - 1] * rng.uniform(1 - _JITTER, 1 + _JITTER))
