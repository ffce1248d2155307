"""The least work: against figures worked out apart from the code."""

import pytest

from bench.work import (
    Shape,
    decoder_operations,
    encoder_operations,
    least_context_s,
    least_operations,
)

TINY = Shape(width=2, layers=1, mels=1, vocabulary=10)


@pytest.mark.parametrize(
    ("duration_s", "context_s"), [(0.5, 5.0), (3.0, 5.0), (4.5, 6.5), (20.0, 22.0), (29.5, 30.0)]
)
def test_context_is_the_note_and_a_margin_within_one_window(duration_s: float, context_s: float) -> None:
    assert least_context_s(duration_s) == context_s


def test_encoder_counts_every_product_once() -> None:
    # One position: 2 frames x 3 taps x 1 band x 2, then 3 taps x 2 x 2; layer: 12 x 2 x 2 + 2 x 1 x 1 x 2.
    assert encoder_operations(0.02, TINY) == 2 * ((12 + 12) + (48 + 4))


def test_decoder_counts_every_product_once() -> None:
    # One position: keys, values 2 x 2 x 2; each of 3 tokens: 14 x 2 x 2 + 2 x 1 x 2 + 3 x 2, logits 10 x 2.
    assert decoder_operations(0.02, 3, TINY) == 2 * (8 + 3 * ((56 + 4 + 6) + 20))


def test_base_encodes_a_full_window_with_87_gigaflop() -> None:
    assert encoder_operations(30.0) / 1e9 == pytest.approx(87.4, abs=0.1)


def test_notes_add_up_and_short_ones_cost_as_much_as_the_shortest_context() -> None:
    one = encoder_operations(5.0) + decoder_operations(5.0, 4)
    other = encoder_operations(12.0) + decoder_operations(12.0, 40)
    assert least_operations([(1.0, 4), (10.0, 40)]) == one + other
