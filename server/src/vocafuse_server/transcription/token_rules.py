"""Which token may come next, and which one does: the rules of Whisper's decoder.

They are those of section 4.5 of the paper (https://arxiv.org/abs/2212.04356) and of `decoding.py` in OpenAI's
whisper: some tokens never come, timestamps come in pairs and never go back, a text begins with a timestamp
within the first second, and a timestamp comes if all timestamps together are likelier than any text token.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]

_MAX_FIRST_STAMP = 50
"""In steps of 20 ms: speech begins within a window's first second."""


@dataclass(frozen=True, slots=True, eq=False)
class TokenRules:
    """The rules for one vocabulary.

    Attributes:
        end: The token that ends a text; all tokens before it are text.
        first_stamp: The first timestamp; all after it are timestamps too.
        suppressed: Tokens that never come.
        suppressed_first: Tokens that don't come first.
    """

    end: int
    first_stamp: int
    suppressed: NDArray[np.int64]
    suppressed_first: NDArray[np.int64]

    def next_token(
        self, logits: Logits, tokens: Sequence[int], *, temperature: float, random: np.random.Generator
    ) -> tuple[int, float]:
        """Choose the token after `tokens`.

        Args:
            logits: Of shape (vocabulary,); overwritten.
            tokens: What has been written so far, without the prompt.
            temperature: 0 takes the likeliest token, above that one is drawn.
            random: Draws it.

        Returns:
            The token and its log probability among those that may come.
        """
        self._forbid(logits, tokens)
        stamps, others = logits[self.first_stamp :], logits[: self.first_stamp]
        offset = 0
        if _log_sum_exp(stamps) > others.max():
            logits, offset = stamps, self.first_stamp
        if temperature:
            index = int(np.argmax(logits / np.float32(temperature) + random.gumbel(size=len(logits))))
        else:
            index = int(np.argmax(logits))
        return offset + index, float(logits[index]) - _log_sum_exp(logits)

    def _forbid(self, logits: Logits, tokens: Sequence[int]) -> None:
        logits[self.suppressed] = -np.inf
        stamps = logits[self.first_stamp :]
        if not tokens:
            logits[self.suppressed_first] = -np.inf
            logits[: self.first_stamp] = -np.inf
            stamps[_MAX_FIRST_STAMP + 1 :] = -np.inf
            return
        opens = False
        if tokens[-1] >= self.first_stamp:
            if len(tokens) < 2 or tokens[-2] >= self.first_stamp:
                stamps[:] = -np.inf
            else:
                opens = True
                logits[: self.end] = -np.inf
        latest = next((token for token in reversed(tokens) if token >= self.first_stamp), None)
        if latest is not None:
            # A stretch of text may begin where the one before it ended, but takes time itself.
            stamps[: latest - self.first_stamp + (0 if opens else 1)] = -np.inf


def _log_sum_exp(logits: Logits) -> float:
    largest = float(logits.max())
    if largest == -np.inf:
        return largest
    return largest + float(np.log(np.exp(logits - np.float32(largest)).sum()))
