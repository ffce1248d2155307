"""Finds the times of tokens from where the decoder's attention was while it wrote them.

The method is that of `timing.py` in OpenAI's whisper: some attention heads look at what is being said; their
attention, evened out over tokens and smoothed over time, is a map on which dynamic time warping finds the
way.
"""

import numpy as np
from numpy.typing import NDArray

_MEDIAN_FRAMES = 7

Path = list[tuple[int, int]]
"""Pairs of (token, frame), none going back."""


def align_tokens(attention: NDArray[np.float32], rows: NDArray[np.int64], *, frames: int) -> Path:
    """The way of tokens through time.

    Args:
        attention: Shape (all tokens, heads, frames of the context).
        rows: Which of the tokens to place, in order.
        frames: Of 20 ms, of the note itself, at least one.

    Returns:
        A path from the first of `rows` and frame 0 to the last of each.
    """
    seen = attention[:, :, :frames]
    seen = seen / np.maximum(seen.sum(axis=2, keepdims=True), np.finfo(np.float32).tiny)
    spread = np.maximum(seen.std(axis=0), np.finfo(np.float32).tiny)
    even = ((seen - seen.mean(axis=0)) / spread)[rows]
    return warp(-smooth(even).mean(axis=1))


def smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of seven neighbours along the last axis; the ends are mirrored."""
    half = _MEDIAN_FRAMES // 2
    if values.shape[-1] <= half:
        return values
    mirrored = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(half, half)], mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(mirrored, _MEDIAN_FRAMES, axis=-1)
    return np.partition(windows, half, axis=-1)[..., half]


def warp(cost: NDArray[np.float32]) -> Path:
    """The cheapest path from the first corner of `cost` (tokens, frames) to the last.

    Each step goes on in one direction or both. The sum over a path within a row is a difference of running
    sums, which makes a row one running minimum instead of a loop.
    """
    tokens, frames = cost.shape
    total = np.full((tokens + 1, frames + 1), np.inf)
    total[0, 0] = 0
    for token in range(tokens):
        running = np.cumsum(cost[token], dtype=np.float64)
        entry = np.minimum(total[token, 1:], total[token, :-1])
        before = np.concatenate(([0.0], running[:-1]))
        total[token + 1, 1:] = running + np.minimum.accumulate(entry - before)
    return _walk_back(total)


def _walk_back(total: NDArray[np.float64]) -> Path:
    token, frame = (size - 1 for size in total.shape)
    path: Path = []
    while token and frame:
        path.append((token - 1, frame - 1))
        diagonal, up, left = total[token - 1, frame - 1], total[token - 1, frame], total[token, frame - 1]
        if diagonal <= up and diagonal <= left:
            token, frame = token - 1, frame - 1
        elif up < left:
            token -= 1
        else:
            frame -= 1
    return path[::-1]
