"""Runs Whisper's decoder on ONNX Runtime, one window at a time: tokens in, logits and attention out."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto
from onnxruntime import InferenceSession, SessionOptions

from vocafuse_server.transcription.checkpoint import Checkpoint
from vocafuse_server.transcription.decoder_graph import (
    HEAD_SIZE,
    Head,
    cross_graph,
    head_graph,
    read_shape,
    step_graph,
)

_ERRORS_ONLY = 3
_NEVER = np.float32(-1e9)

Array = NDArray[np.float32]


class DecoderNetwork:
    """The decoder of a checkpoint; its calls block, release Python's lock and are thread-safe.

    Args:
        checkpoint: The model's weights.
        alignment_heads: Whose attention is wanted; none: all of the upper half's layers.
        threads: Of each call.

    Raises:
        UnreadableCheckpoint: The weights are kept in a way that is not known here.
    """

    def __init__(self, checkpoint: Checkpoint, alignment_heads: Iterable[Head], *, threads: int) -> None:
        self._checkpoint = checkpoint
        self.shape = read_shape(checkpoint)
        self._positions = checkpoint.weights("decoder/position_encodings/encodings")
        heads = list(alignment_heads) or [
            (layer, head)
            for layer in range(self.shape.layers // 2, self.shape.layers)
            for head in range(self.shape.heads)
        ]
        self._cross = _load(cross_graph(checkpoint, self.shape), threads)
        self._step = _load(step_graph(checkpoint, self.shape, heads), threads)
        self._head = _load(head_graph(checkpoint, self.shape), threads)

    def listen(self, states: Array) -> dict[str, Array]:
        """The keys and values of the encoder's output (frames, d_model), by name; all steps use them."""
        return dict(zip(self.shape.cross_names, self._cross.run(None, {"states": states[None]}), strict=True))

    def no_past(self) -> dict[str, Array]:
        """The keys and values of no tokens, by name."""
        nothing = np.empty((1, self.shape.heads, 0, HEAD_SIZE), np.float32)
        return dict.fromkeys(self.shape.past_names, nothing)

    def step(
        self, tokens: Sequence[int], *, past: dict[str, Array], cross: dict[str, Array]
    ) -> tuple[Array, Array, dict[str, Array]]:
        """Take the next tokens through all layers.

        Returns:
            The hidden state (tokens, d_model), the attention (tokens, heads, frames), and the new past.
        """
        seen = past[self.shape.past_names[0]].shape[2]
        rows = self._checkpoint.rows("decoder/embeddings/weight", np.array(tokens))
        embedded = rows + self._positions[seen : seen + len(tokens)]
        mask = np.triu(np.full((len(tokens), seen + len(tokens)), _NEVER), seen + 1)
        hidden, attention, *present = self._step.run(
            None, {"embedded": embedded[None], "mask": mask, **past, **cross}
        )
        return hidden[0], attention[0].swapaxes(0, 1), dict(zip(self.shape.past_names, present, strict=True))

    def logits(self, hidden: Array) -> Array:
        """The logits (vocabulary,) after one token's hidden state (d_model,)."""
        return self._head.run(None, {"hidden": hidden[None]})[0][0]


class Text:
    """A text that is being written over one window.

    Attributes:
        attention: Of each token fed so far, the prompt's included: (heads, frames).
    """

    def __init__(self, network: DecoderNetwork, states: Array) -> None:
        self._network = network
        self._cross = network.listen(states)
        self._past = network.no_past()
        self.attention: list[Array] = []

    def feed(self, tokens: Sequence[int]) -> Array:
        """Go on with these tokens; returns the logits (vocabulary,) of the one after them."""
        hidden, attention, self._past = self._network.step(tokens, past=self._past, cross=self._cross)
        self.attention.extend(attention)
        return self._network.logits(hidden[-1])


def _load(model: ModelProto, threads: int) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # the shapes change with every step
    options.enable_cpu_mem_arena = False  # it would keep the most that was ever needed
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
