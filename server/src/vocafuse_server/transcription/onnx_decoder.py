"""Whisper's decoder for processors: on ONNX Runtime, a window at a time.

A token takes about a third of the time that it takes in CTranslate2, the audio's keys and values are computed
once instead of three times (to detect the language, to write, to align), the language comes from the first
step and the words' times from the attention of the steps themselves. A batch would gain nothing: the weights
of a small model stay in the processor's cache from token to token, and the keys and values are each window's
own.
"""

import json
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from vocafuse_server.transcription.alignment import align_tokens
from vocafuse_server.transcription.checkpoint import Checkpoint
from vocafuse_server.transcription.languages import ENGLISH
from vocafuse_server.transcription.model import MAX_TOKENS, Output
from vocafuse_server.transcription.onnx_network import Array, DecoderNetwork, Text
from vocafuse_server.transcription.token_rules import TokenRules
from vocafuse_server.transcription.vocabulary import Vocabulary
from vocafuse_server.transcription.words import TokenTimes, read_alignment

_SEED = 0


class _Config(TypedDict, total=False):
    """What is read of a model's config.json."""

    alignment_heads: list[list[int]]
    suppress_ids: list[int]
    suppress_ids_begin: list[int]


class OnnxDecoder:
    """Makes the decoder of a model directory; takes a second or so.

    Args:
        model_dir: Where `model.bin` and `config.json` are.
        vocabulary: The model's.
        threads: Of each call.

    Raises:
        UnreadableCheckpoint: The weights are kept in a way that is not known here.
    """

    def __init__(self, model_dir: Path, vocabulary: Vocabulary, *, threads: int) -> None:
        config = cast(_Config, json.loads((model_dir / "config.json").read_text()))
        heads = ((layer, head) for layer, head in config.get("alignment_heads", []))
        self._network = DecoderNetwork(Checkpoint(model_dir / "model.bin"), heads, threads=threads)
        self._vocabulary = vocabulary
        self._rules = TokenRules(
            end=vocabulary.end,
            first_stamp=vocabulary.first_stamp,
            suppressed=np.array([*config.get("suppress_ids", []), vocabulary.first_stamp - 1]),
            suppressed_first=np.array(config.get("suppress_ids_begin", []), np.int64),
        )

    def decode(self, states: Array, language: str | None, *, temperature: float) -> Output:
        """Write the text of one window of shape (frames, d_model); see `Model.decode`.

        Sampling draws the same for the same window each time.
        """
        text = Text(self._network, states)
        logits = text.feed([self._vocabulary.start])
        chances = np.exp(logits - logits.max())
        chances /= chances.sum()
        code, probability = (language, 1.0) if language is not None else self._detect(chances)
        if prompt := self._vocabulary.prompt(code)[1:]:
            logits = text.feed(prompt)
        tokens, logprobs = self._write(text, logits, temperature)
        return Output(
            code,
            probability,
            tuple(tokens),
            sum(logprobs) / (len(tokens) + 1),
            float(chances[self._vocabulary.no_speech]),
            tuple(np.exp(logprobs[: len(tokens)]).tolist()),
            np.stack(text.attention[-len(logprobs) :]),
        )

    def _detect(self, chances: Array) -> tuple[str, float]:
        """The likeliest language, and its share in the probability of all."""
        languages = self._vocabulary.language_tokens
        if not languages:
            return ENGLISH, 1.0
        among = chances[list(languages.values())]
        best = int(np.argmax(among))
        return list(languages)[best], float(among[best] / among.sum())

    def _write(self, text: Text, logits: Array, temperature: float) -> tuple[list[int], list[float]]:
        """The tokens up to the end or the limit, and the log probability of each and of the end."""
        tokens: list[int] = []
        logprobs: list[float] = []
        random = np.random.default_rng(_SEED)
        while True:
            token, logprob = self._rules.next_token(logits, tokens, temperature=temperature, random=random)
            logprobs.append(logprob)
            if token == self._vocabulary.end:
                return tokens, logprobs
            tokens.append(token)
            if len(tokens) == MAX_TOKENS:
                return tokens, logprobs
            logits = text.feed([token])

    def align(self, output: Output, note_frames: int) -> TokenTimes:
        """The times of the text tokens of an output of `decode`; see `Model.align`."""
        if output.attention is None:
            raise ValueError("Another decoder made this output.")
        spoken = [index for index, token in enumerate(output.tokens) if token < self._vocabulary.end]
        end = min(spoken[-1] + 1, len(output.attention) - 1)
        path = align_tokens(output.attention, np.array([*spoken, end]), frames=max(1, note_frames // 2))
        return read_alignment(path, [output.probabilities[index] for index in spoken], tokens=len(spoken))
