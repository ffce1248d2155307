import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.context import FULL_CONTEXT_S, MARGIN_S, STEP_S, context_seconds


@pytest.mark.parametrize(
    ("duration_s", "context_s"),
    [(0.3, 5.0), (3.0, 5.0), (3.1, 7.5), (5.5, 7.5), (5.51, 10.0), (27.5, 30.0), (28.0, 30.0), (90.0, 30.0)],
)
def test_the_rule(duration_s: float, context_s: float) -> None:
    assert context_seconds(duration_s) == context_s


def test_the_minimum_is_a_setting() -> None:
    assert context_seconds(1.0, min_context_s=8.0) == 10.0


@given(st.floats(min_value=0, max_value=FULL_CONTEXT_S - MARGIN_S))
def test_the_margin_is_always_kept(duration_s: float) -> None:
    context_s = context_seconds(duration_s)
    assert duration_s + MARGIN_S <= context_s <= FULL_CONTEXT_S
    assert context_s % STEP_S == 0
