"""When a failed delivery is tried again."""

import random

from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.core.settings import WEBHOOK_RETRY_DELAYS_S
from vocafuse_server.webhooks.retry import next_delay


def test_the_schedule_is_the_published_one() -> None:
    assert WEBHOOK_RETRY_DELAYS_S == (5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 6 * 3600, 12 * 3600)


@given(attempts=st.integers(1, 20), seed=st.integers())
def test_each_delay_is_near_its_place_in_the_schedule(attempts: int, seed: int) -> None:
    delay = next_delay(attempts, WEBHOOK_RETRY_DELAYS_S, rng=random.Random(seed))
    if attempts > len(WEBHOOK_RETRY_DELAYS_S):
        assert delay is None
    else:
        assert delay is not None
        planned = WEBHOOK_RETRY_DELAYS_S[attempts - 1]
        assert 0.9 * planned <= delay.total_seconds() <= 1.1 * planned
