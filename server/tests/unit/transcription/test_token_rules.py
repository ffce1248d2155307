import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.transcription.token_rules import Logits, TokenRules

END, STAMP = 10, 12
SIZE = STAMP + 100
RULES = TokenRules(
    end=END, first_stamp=STAMP, suppressed=np.array([3, END + 1]), suppressed_first=np.array([4, END])
)


def logits(**values: float) -> Logits:
    """Nothing is likely but these: `t5=2.0` is text token 5, `s7=1.0` the timestamp 7, `end=3.0` the end."""
    result = np.full(SIZE, -20, np.float32)
    for name, value in values.items():
        result[END if name == "end" else int(name[1:]) + (STAMP if name[0] == "s" else 0)] = value
    return result


def choose(values: Logits, tokens: list[int], temperature: float = 0.0, seed: int = 0) -> int:
    random = np.random.default_rng(seed)
    return RULES.next_token(values, tokens, temperature=temperature, random=random)[0]


def test_a_text_begins_with_a_timestamp_of_its_first_second() -> None:
    assert choose(logits(t5=9.0, s7=1.0, s60=5.0, end=8.0), []) == STAMP + 7


def test_after_one_opening_timestamp_comes_text() -> None:
    assert choose(logits(t5=1.0, s7=9.0), [STAMP]) == 5


def test_after_a_closing_timestamp_comes_another_or_the_end() -> None:
    assert choose(logits(t5=9.0, s8=1.0), [STAMP, 5, STAMP + 8]) == STAMP + 8
    assert choose(logits(t5=9.0, end=1.0), [STAMP, 5, STAMP + 8]) == END


def test_timestamps_do_not_go_back_and_a_stretch_takes_time() -> None:
    assert choose(logits(s3=9.0, s4=8.0, s6=1.0), [STAMP + 4, 5]) == STAMP + 6


def test_suppressed_tokens_never_come() -> None:
    assert choose(logits(t3=9.0, t6=1.0), [STAMP]) == 6
    assert choose(logits(t4=9.0, t6=1.0), [STAMP]) == 4, "only as the first one"


def test_many_small_chances_of_a_timestamp_outweigh_one_text_token() -> None:
    values = logits(t5=1.0)
    values[STAMP:] = 0.0
    assert choose(values, [STAMP, 5]) > STAMP


def test_the_log_probability_counts_what_may_come() -> None:
    values = logits(t5=1.0, t6=1.0, s40=30.0)
    _, logprob = RULES.next_token(values, [STAMP], temperature=0, random=np.random.default_rng(0))
    assert math.isclose(logprob, math.log(0.5), abs_tol=1e-3)


def test_sampling_draws_by_probability_and_the_same_for_the_same_seed() -> None:
    drawn = [choose(logits(t5=2.0, t6=1.0), [STAMP], temperature=1.0, seed=seed) for seed in range(400)]
    share = drawn.count(5) / len(drawn)
    assert abs(share - math.e / (1 + math.e)) < 0.1
    again = [choose(logits(t5=2.0, t6=1.0), [STAMP], temperature=1.0, seed=seed) for seed in range(400)]
    assert again == drawn


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_any_text_keeps_the_rules(seed: int) -> None:
    random = np.random.default_rng(seed)
    tokens: list[int] = []
    while len(tokens) < 40 and (not tokens or tokens[-1] != END):
        values = random.normal(size=SIZE).astype(np.float32) * 4
        token, logprob = RULES.next_token(values, tokens, temperature=1.0, random=random)
        assert logprob <= 1e-4
        tokens.append(token)
    stamps = [token for token in tokens if token >= STAMP]
    assert stamps == sorted(stamps)
    assert tokens[0] >= STAMP
    assert not set(tokens) & {3, END + 1}
    kinds = "".join("s" if token >= STAMP else "t" for token in tokens if token != END)
    assert "sss" not in kinds
    assert "tst" not in kinds
