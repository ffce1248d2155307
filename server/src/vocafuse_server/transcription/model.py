"""What a Whisper model does for a batch of windows, stage by stage. The stages block and are thread-safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vocafuse_server.transcription.features import LogMel
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.words import TokenTimes

MAX_TOKENS = 224
"""What a decoder writes for a window, at most: half of Whisper's text context."""

States = NDArray[np.float32]
"""The encoder's output, shape (batch, frames, d_model), in main memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What the decoder wrote for one window.

    Attributes:
        language: The caller's code, or the one detected, with its
        language_probability: 1 if it was the caller's.
        tokens: With timestamps; without the end.
        avg_logprob: How sure the decoder was, the end of the text included.
        no_speech_prob: How probable it is that nobody speaks.
        probabilities: Of each token, where the decoder keeps them.
        attention: For each token and the end, where in the audio the alignment heads looked: float32,
            shape (tokens + 1, heads, frames). None: `align` has to find out again.
    """

    language: str
    language_probability: float
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    probabilities: tuple[float, ...] = ()
    attention: NDArray[np.float32] | None = None


class Model(Protocol):
    """A loaded model.

    Attributes:
        context_step_s: To what the length of the encoder's input is rounded up.
    """

    vocabulary: Vocabulary
    log_mel: LogMel
    context_step_s: float

    def batch_size(self, context_s: float) -> int:
        """How many windows with so much context are worth a batch."""
        ...

    def encode(self, features: NDArray[np.float32]) -> States:
        """The encoder's output for features of shape (batch, n_mels, frames): frames / 2 of them."""
        ...

    def decode(
        self,
        states: States,
        languages: Sequence[str | None],
        *,
        temperature: float = 0.0,
        beams: int = 1,
    ) -> list[Output]:
        """Write the text of each window: the likeliest, or by sampling at a temperature above 0.

        Args:
            states: The encoder's output.
            languages: The language of each; None detects it from the same encoder output.
            temperature: Of the sampling.
            beams: How many beginnings of a text are followed; 1 takes what is likeliest at each token.
        """
        ...

    def align(
        self, states: States, outputs: Sequence[Output], note_frames: Sequence[int]
    ) -> list[TokenTimes]:
        """Find when each text token of each output was spoken.

        Args:
            states: The encoder's output.
            outputs: What was decoded from them, each with at least one text token.
            note_frames: Mel frames of each note itself. Given the padded length, the last words would
                stretch into the silence.
        """
        ...
