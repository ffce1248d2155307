import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.context import FULL_CONTEXT_S, MARGIN_S, context_seconds


@pytest.mark.parametrize(
    ("duration_s", "context_s"),
    [(0.3, 5.0), (2.5, 5.0), (2.6, 7.5), (5.0, 7.5), (5.01, 10.0), (27.5, 30.0), (28.0, 30.0), (90.0, 30.0)],
)
def test_the_rule(duration_s: float, context_s: float) -> None:
    assert context_seconds(duration_s, step_s=2.5) == context_s


def test_the_minimum_is_a_setting() -> None:
    assert context_seconds(1.0, step_s=2.5, min_context_s=8.0) == 10.0


@given(st.floats(min_value=0, max_value=FULL_CONTEXT_S - MARGIN_S), st.sampled_from([0.5, 2.5]))
def test_the_margin_is_always_kept(duration_s: float, step_s: float) -> None:
    context_s = context_seconds(duration_s, step_s=step_s)
    assert duration_s + MARGIN_S <= context_s <= FULL_CONTEXT_S
    assert context_s % step_s == 0
