"""When a receiver that doesn't answer is left alone, and when it is called again."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.app import NOON

from vocafuse_server.core.ids import TenantId, WebhookId, new_uuid
from vocafuse_server.core.settings import WEBHOOK_RETRY_DELAYS_S
from vocafuse_server.webhooks.breaker import OPENS_AFTER, RESTS_S, Turn, after_silence, judge
from vocafuse_server.webhooks.models import Webhook, WebhookStatus

SECOND = timedelta(seconds=1)


def make_webhook(**state: object) -> Webhook:
    return Webhook(
        id=WebhookId(new_uuid()),
        tenant_id=TenantId(new_uuid()),
        url="https://example.com/hook",
        events=["voicenote.created"],
        secret="s",
        status=WebhookStatus.ACTIVE,
        created_at=NOON,
        updated_at=NOON,
        **{"unanswered": 0, **state},
    )


def fail(webhook: Webhook, now: datetime, *, is_probe: bool = False) -> None:
    for name, value in after_silence(webhook, begun_at=now, is_probe=is_probe, now=now).items():
        setattr(webhook, name, value)


def test_it_opens_after_five_attempts_without_an_answer() -> None:
    webhook = make_webhook()
    for _ in range(OPENS_AFTER):
        assert judge(webhook, waiting_since=None, now=NOON).turn is Turn.CALL
        fail(webhook, NOON)
    verdict = judge(webhook, waiting_since=None, now=NOON)
    assert (verdict.turn, verdict.until) == (Turn.WAIT, NOON + RESTS_S[0] * SECOND)


def test_each_probe_that_fails_makes_the_next_rest_longer_up_to_five_minutes() -> None:
    webhook, now, rests = make_webhook(), NOON, list[float]()
    for _ in range(OPENS_AFTER):
        fail(webhook, now)
    for _ in range(8):
        assert webhook.rests_until is not None
        rests.append((webhook.rests_until - now).total_seconds())
        now = webhook.rests_until
        assert judge(webhook, waiting_since=None, now=now).turn is Turn.PROBE
        fail(webhook, now, is_probe=True)
    assert rests == [5, 15, 30, 60, 120, 300, 300, 300]


def test_what_was_under_way_when_it_opened_makes_no_rest_longer() -> None:
    webhook = make_webhook()
    for _ in range(OPENS_AFTER + 7):
        fail(webhook, NOON)
    assert (webhook.unanswered, webhook.rests_until) == (OPENS_AFTER, NOON + RESTS_S[0] * SECOND)


def test_one_delivery_alone_is_never_held_up_by_its_own_failures() -> None:
    webhook, now = make_webhook(), NOON
    for delay_s in WEBHOOK_RETRY_DELAYS_S:
        turn = judge(webhook, waiting_since=None, now=now).turn
        assert turn in {Turn.CALL, Turn.PROBE}
        fail(webhook, now, is_probe=turn is Turn.PROBE)
        now += delay_s * 0.9 * SECOND  # as early as jitter makes it


@pytest.mark.parametrize(
    ("tried_at", "turn"),
    [(NOON - SECOND, Turn.WAIT), (NOON, Turn.WAIT), (NOON + SECOND, Turn.FAILED)],
)
def test_only_an_attempt_begun_since_speaks_for_a_delivery_that_waits(tried_at: datetime, turn: Turn) -> None:
    webhook = make_webhook(unanswered=OPENS_AFTER, unanswered_at=tried_at, rests_until=NOON + 60 * SECOND)
    assert judge(webhook, waiting_since=NOON, now=NOON + 2 * SECOND).turn is turn
    assert judge(webhook, waiting_since=None, now=NOON + 2 * SECOND).turn is Turn.WAIT


def test_while_one_probes_the_others_wait_for_it() -> None:
    webhook = make_webhook(unanswered=OPENS_AFTER, rests_until=NOON - SECOND, probed_until=NOON + 20 * SECOND)
    verdict = judge(webhook, waiting_since=None, now=NOON)
    assert (verdict.turn, verdict.until) == (Turn.WAIT, NOON + 20 * SECOND)
    assert judge(webhook, waiting_since=None, now=NOON + 20 * SECOND).turn is Turn.PROBE


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=40))
def test_however_it_fails_a_probe_is_at_most_five_minutes_away(steps: list[tuple[bool, int]]) -> None:
    webhook, now = make_webhook(), NOON
    for is_probe, step_s in steps:
        fail(webhook, now, is_probe=is_probe)
        assert webhook.rests_until is None or webhook.rests_until <= now + RESTS_S[-1] * SECOND
        now += step_s * SECOND
