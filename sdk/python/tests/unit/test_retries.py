from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse._answers import Answer, Failure, parse_retry_after
from vocafuse._retries import MAX_BACKOFF_S, MAX_RETRY_AFTER_S, RetryPolicy

NOW = datetime(2025, 10, 6, tzinfo=timezone.utc)
STATUSES = st.integers(200, 599)
OUTCOMES = st.one_of(
    STATUSES.map(lambda status: Answer(status, {}, b"")),
    st.builds(Failure, st.just("broke"), timed_out=st.booleans(), repeatable=st.booleans()),
)


@given(outcome=OUTCOMES, retries=st.integers(0, 9), max_retries=st.integers(0, 9))
def test_unsafe_calls_are_never_repeated(outcome: Answer | Failure, retries: int, max_retries: int) -> None:
    assert RetryPolicy(max_retries).next_delay_s(outcome, retries=retries, repeatable=False) is None


@given(outcome=OUTCOMES, retries=st.integers(0, 9), max_retries=st.integers(0, 9))
def test_only_temporary_failures_are_repeated_and_not_for_ever(
    outcome: Answer | Failure, retries: int, max_retries: int
) -> None:
    delay_s = RetryPolicy(max_retries).next_delay_s(outcome, retries=retries, repeatable=True)
    if isinstance(outcome, Failure):
        temporary = outcome.repeatable
    else:
        temporary = outcome.status == 429 or outcome.status >= 500
    assert (delay_s is not None) == (temporary and retries < max_retries)


@given(retries=st.integers(0, 10_000), jitter=st.floats(0, 1, exclude_max=True), base=st.floats(0, 1e6))
def test_pauses_grow_within_bounds(retries: int, jitter: float, base: float) -> None:
    policy = RetryPolicy(10_001, base, jitter=lambda: jitter)
    delay_s = policy.next_delay_s(Answer(503, {}, b""), retries=retries, repeatable=True)
    assert delay_s is not None
    assert 0 <= delay_s <= MAX_BACKOFF_S


def test_a_conflict_is_temporary_when_it_says_when_to_come_back() -> None:
    answers = [Answer(409, {"retry-after": "1"}, b""), Answer(409, {}, b"")]
    assert [RetryPolicy().next_delay_s(one, retries=0, repeatable=True) for one in answers] == [1, None]


def test_pauses_double() -> None:
    policy = RetryPolicy(3, 1.0, jitter=lambda: 1.0)
    pauses = [policy.next_delay_s(Failure("x"), retries=number, repeatable=True) for number in range(4)]
    assert pauses == [1.0, 2.0, 4.0, None]


@given(stated=st.integers(0, 10**9))
def test_retry_after_is_honoured_and_capped(stated: int) -> None:
    answer = Answer(429, {"retry-after": str(stated)}, b"")
    assert RetryPolicy().next_delay_s(answer, retries=0, repeatable=True) == min(stated, MAX_RETRY_AFTER_S)


@given(text=st.text(max_size=30))
def test_a_strange_retry_after_is_no_reason_to_fail(text: str) -> None:
    wait_s = parse_retry_after(text, NOW)
    assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("-3", 0),
        ("nan", None),
        ("inf", None),
        (None, None),
        (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
    ],
)
def test_retry_after_forms(text: str | None, expected: float | None) -> None:
    assert parse_retry_after(text, NOW) == expected
