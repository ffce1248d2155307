from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vocafuse_server.transcription.alignment import align_tokens, smooth, warp

costs = st.tuples(st.integers(1, 6), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.integers(-8, 8).map(float))
)


def cheapest(cost: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    """The cost of the best path, found without any tricks."""
    rows, columns = cost.shape
    best = np.full((rows, columns), np.inf)
    for row in range(rows):
        for column in range(columns):
            before = [
                best[row - a, column - b] for a, b in ((1, 1), (1, 0), (0, 1)) if row >= a and column >= b
            ]
            best[row, column] = float(cost[row, column]) + (min(before) if row or column else 0.0)
    return float(best[-1, -1])


@given(costs)
def test_the_path_is_whole_and_the_cheapest(cost: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    path = warp(cost)
    assert path[0] == (0, 0)
    assert path[-1] == (cost.shape[0] - 1, cost.shape[1] - 1)
    assert all((b[0] - a[0], b[1] - a[1]) in {(0, 1), (1, 0), (1, 1)} for a, b in pairwise(path))
    assert sum(float(cost[step]) for step in path) == pytest.approx(cheapest(cost))


def test_the_median_takes_out_single_peaks() -> None:
    values = np.zeros((2, 12), np.float32)
    values[0, 5] = 9
    values[1, 4:9] = 1
    assert smooth(values)[0].tolist() == [0] * 12
    assert smooth(values)[1].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0]
    assert smooth(values[:, :3]).tolist() == values[:, :3].tolist(), "too short for a median"


def test_tokens_are_placed_where_the_heads_look() -> None:
    attention = np.full((5, 2, 60), 0.001, np.float32)
    bounds = [0, 5, 15, 30, 45, 60]
    for token in range(5):
        attention[token, :, bounds[token] : bounds[token + 1]] = 1
    path = align_tokens(attention, np.array([1, 2, 3, 4]), frames=50)
    firsts = [next(frame for row, frame in path if row == token) for token in range(4)]
    assert firsts[0] == 0
    assert firsts[1:] == pytest.approx([15, 30, 45], abs=3)


def test_a_note_of_one_frame() -> None:
    attention = np.ones((3, 1, 20), np.float32)
    assert align_tokens(attention, np.array([1, 2]), frames=1) == [(0, 0), (1, 0)]
