"""Whisper's decoder as three ONNX graphs, made from a checkpoint, with weights of 8 bits.

`cross_graph` turns the encoder's output into the keys and values that every step attends to. `step_graph`
takes one or more tokens, and the keys and values of those before them, through all layers; it also gives the
attention that the alignment of words is read from. `head_graph` turns the last layer's output into logits.

Weights are kept in blocks of up to 256 numbers with a scale of their own, and inputs are rounded to 8 bits
row by row: what is computed for a note never depends on other notes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from vocafuse_server.transcription.checkpoint import Checkpoint, Weights

HEAD_SIZE = 64
"""Of every Whisper model."""

_MICROSOFT = "com.microsoft"
_OPSETS = (("", 21), (_MICROSOFT, 1))
_IR_VERSION = 10
_MAX_BLOCK = 256
_INT8_MAX = 127
_ZERO_POINT = 128
_EPSILON = 1e-5
_INT8_COMPUTE = 4
_SPLIT_HEADS = [0, 2, 1, 3]

Attribute = int | float | Sequence[int]
Head = tuple[int, int]
"""A layer and one of its attention heads."""


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """How large a decoder is."""

    layers: int
    heads: int
    width: int
    vocabulary: int

    @property
    def cross_names(self) -> list[str]:
        """Of the keys and values of the audio, layer by layer."""
        return [f"{kind}_{layer}" for layer in range(self.layers) for kind in ("cross_key", "cross_value")]

    @property
    def past_names(self) -> list[str]:
        """Of the keys and values of the tokens so far, layer by layer."""
        return [f"{kind}_{layer}" for layer in range(self.layers) for kind in ("past_key", "past_value")]

    @property
    def next_names(self) -> list[str]:
        """Of the same after a step."""
        return [name.replace("past", "next") for name in self.past_names]


def read_shape(checkpoint: Checkpoint) -> DecoderShape:
    """Find out how large a checkpoint's decoder is."""
    vocabulary, width = checkpoint.shape("decoder/embeddings/weight")
    layers = next(n for n in count() if f"decoder/layer_{n}/ffn/linear_0/weight" not in checkpoint)
    return DecoderShape(layers, width // HEAD_SIZE, width, vocabulary)


class _Graph:
    """Collects the nodes and constants of a graph; the values between nodes get names of their own."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def constant(self, value: NDArray[np.generic]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(
        self, operator: str, *inputs: str, name: str = "", domain: str = "", **attributes: Attribute
    ) -> str:
        return self.add_many(operator, *inputs, names=[name], domain=domain, **attributes)[0]

    def add_many(
        self, operator: str, *inputs: str, names: Sequence[str], domain: str = "", **attributes: Attribute
    ) -> list[str]:
        outputs = [name or f"value_{len(self._nodes)}_{index}" for index, name in enumerate(names)]
        node = helper.make_node(operator, inputs, outputs, domain=domain)
        node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
        self._nodes.append(node)
        return outputs

    def model(self, inputs: "_Ports", outputs: "_Ports") -> ModelProto:
        def ports(named: _Ports) -> list[ValueInfoProto]:
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in named]

        graph = helper.make_graph(self._nodes, "decoder", ports(inputs), ports(outputs), self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


_Ports = Iterable[tuple[str, Sequence[str | int | None]]]


def _multiply(graph: _Graph, values: str, weights: Weights, bias: Weights | None = None) -> str:
    """values @ weights.T + bias, for a few rows at a time: limited by how fast the weights can be read."""
    outputs, inputs = weights.shape
    size = min(_MAX_BLOCK, inputs & -inputs)
    blocks = weights.reshape(outputs, inputs // size, size)
    scales = np.maximum(np.abs(blocks).max(axis=2), np.finfo(np.float32).tiny) / _INT8_MAX
    numbers = (np.rint(blocks / scales[..., None]) + _ZERO_POINT).astype(np.uint8)
    optional = [] if bias is None else ["", "", graph.constant(bias)]
    return graph.add(
        "MatMulNBits",
        values,
        graph.constant(numbers),
        graph.constant(scales.astype(np.float32)),
        *optional,
        domain=_MICROSOFT,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=size,
        accuracy_level=_INT8_COMPUTE,
    )


@dataclass(frozen=True, slots=True)
class _Rounded:
    """Rows as numbers of 8 bits, and the largest magnitude of each row."""

    numbers: str
    largest: str


def _round_rows(graph: _Graph, values: str) -> _Rounded:
    last = graph.integers(-1)
    largest = graph.add("ReduceMax", graph.add("Abs", values), last, keepdims=1)
    scale = graph.add("Div", graph.constant(np.array(_INT8_MAX, np.float32)), largest)
    one, zero = graph.constant(np.array(1, np.float32)), graph.constant(np.array(_ZERO_POINT, np.uint8))
    return _Rounded(graph.add("QuantizeLinear", graph.add("Mul", values, scale), one, zero), largest)


def _multiply_many(graph: _Graph, values: _Rounded, weights: Weights, bias: Weights) -> str:
    """values @ weights.T + bias, for hundreds of rows at a time: limited by arithmetic."""
    scales = np.maximum(np.abs(weights).max(axis=1), np.finfo(np.float32).tiny) / _INT8_MAX
    numbers = np.rint(weights / scales[:, None]).astype(np.int8).T
    product = graph.add(
        "MatMulIntegerToFloat",
        values.numbers,
        graph.constant(numbers),
        graph.constant(np.array(1 / _INT8_MAX, np.float32)),
        graph.constant(scales.astype(np.float32)),
        graph.constant(np.array(_ZERO_POINT, np.uint8)),
        domain=_MICROSOFT,
    )
    return graph.add("Add", graph.add("Mul", product, values.largest), graph.constant(bias))


def cross_graph(checkpoint: Checkpoint, shape: DecoderShape) -> ModelProto:
    """From `states` (1, frames, width) to keys (1, heads, 64, frames) and values (1, heads, frames, 64)."""
    graph = _Graph()
    heads = graph.integers(0, 0, shape.heads, HEAD_SIZE)
    rounded = _round_rows(graph, "states")
    names = iter(shape.cross_names)
    for layer in range(shape.layers):
        prefix = f"decoder/layer_{layer}/attention/linear_1"
        weights, bias = checkpoint.weights(f"{prefix}/weight"), checkpoint.weights(f"{prefix}/bias")
        # Keys are turned so that a step reads them in the order in which they lie in memory.
        for part, order in (
            (slice(None, shape.width), [0, 2, 3, 1]),
            (slice(shape.width, None), _SPLIT_HEADS),
        ):
            values = _multiply_many(graph, rounded, weights[part], bias[part])
            graph.add("Transpose", graph.add("Reshape", values, heads), name=next(names), perm=order)
    return graph.model(
        [("states", (1, "frames", shape.width))],
        [(name, (1, shape.heads, None, None)) for name in shape.cross_names],
    )


def head_graph(checkpoint: Checkpoint, shape: DecoderShape) -> ModelProto:
    """From `hidden` (rows, width) to `logits` (rows, vocabulary)."""
    graph = _Graph()
    product = _multiply(graph, "hidden", checkpoint.weights("decoder/projection/weight"))
    graph.add("Identity", product, name="logits")
    return graph.model([("hidden", ("rows", shape.width))], [("logits", ("rows", shape.vocabulary))])


def step_graph(checkpoint: Checkpoint, shape: DecoderShape, heads: Iterable[Head]) -> ModelProto:
    """From `embedded` tokens (1, tokens, width) to `hidden` of the same shape.

    Besides: `mask` (tokens, past + tokens) is added to the attention among tokens; past keys and values
    (1, heads, past, 64) go in and come out longer; `attention` (1, chosen heads, tokens, frames) tells where
    in the audio the chosen heads look.
    """
    layers = _Layers(checkpoint, shape)
    chosen = sorted(heads)
    values, attentions = "embedded", list[str]()
    for layer in range(shape.layers):
        values = layers.attend_to_tokens(values, layer)
        values, attention = layers.attend_to_audio(values, layer)
        values = layers.feed_forward(values, layer)
        wanted = [head for of_layer, head in chosen if of_layer == layer]
        if wanted:
            attentions.append(layers.graph.add("Gather", attention, layers.graph.integers(*wanted), axis=1))
    layers.normalise(values, "decoder/layer_norm", name="hidden")
    layers.graph.add("Concat", *attentions, axis=1, name="attention")
    return layers.graph.model(
        [
            ("embedded", (1, "tokens", shape.width)),
            ("mask", ("tokens", "seen")),
            *((name, (1, shape.heads, "past", HEAD_SIZE)) for name in shape.past_names),
            *((name, (1, shape.heads, None, None)) for name in shape.cross_names),
        ],
        [
            ("hidden", (1, "tokens", shape.width)),
            ("attention", (1, len(chosen), "tokens", "frames")),
            *((name, (1, shape.heads, "seen", HEAD_SIZE)) for name in shape.next_names),
        ],
    )


class _Layers:
    """The parts of a decoder layer; each adds its result to what came in."""

    def __init__(self, checkpoint: Checkpoint, shape: DecoderShape) -> None:
        self.graph = _Graph()
        self._checkpoint = checkpoint
        self._width = shape.width
        self._split = self.graph.integers(0, 0, shape.heads, HEAD_SIZE)
        self._join = self.graph.integers(0, 0, shape.width)

    def normalise(self, values: str, prefix: str, *, name: str = "") -> str:
        gamma, beta = (self.graph.constant(self._weights(f"{prefix}/{kind}")) for kind in ("gamma", "beta"))
        return self.graph.add("LayerNormalization", values, gamma, beta, name=name, axis=-1, epsilon=_EPSILON)

    def attend_to_tokens(self, values: str, layer: int) -> str:
        prefix = f"decoder/layer_{layer}/self_attention"
        weights, bias = self._linear(f"{prefix}/linear_0")
        # The scale of the dot products is put into the queries' weights.
        scale = np.ones(len(bias), np.float32)
        scale[: self._width] = HEAD_SIZE**-0.5
        normal = self.normalise(values, f"{prefix}/layer_norm")
        product = _multiply(self.graph, normal, weights * scale[:, None], bias * scale)
        parts = self.graph.add_many("Split", product, names=["", "", ""], axis=-1, num_outputs=3)
        query, key, value = (self._split_heads(part) for part in parts)
        keys = self.graph.add("Concat", f"past_key_{layer}", key, name=f"next_key_{layer}", axis=2)
        all_values = self.graph.add(
            "Concat", f"past_value_{layer}", value, name=f"next_value_{layer}", axis=2
        )
        scores = self.graph.add("FusedMatMul", query, keys, domain=_MICROSOFT, transB=1)
        attention = self.graph.add("Softmax", self.graph.add("Add", scores, "mask"), axis=-1)
        return self._out(values, self.graph.add("MatMul", attention, all_values), f"{prefix}/linear_1")

    def attend_to_audio(self, values: str, layer: int) -> tuple[str, str]:
        """Also returns the attention, (1, heads, tokens, frames)."""
        prefix = f"decoder/layer_{layer}/attention"
        weights, bias = (part * np.float32(HEAD_SIZE**-0.5) for part in self._linear(f"{prefix}/linear_0"))
        normal = self.normalise(values, f"{prefix}/layer_norm")
        query = self._split_heads(_multiply(self.graph, normal, weights, bias))
        scores = self.graph.add("MatMul", query, f"cross_key_{layer}")
        attention = self.graph.add("Softmax", scores, axis=-1)
        heard = self.graph.add("MatMul", attention, f"cross_value_{layer}")
        return self._out(values, heard, f"{prefix}/linear_2"), attention

    def feed_forward(self, values: str, layer: int) -> str:
        prefix = f"decoder/layer_{layer}/ffn"
        normal = self.normalise(values, f"{prefix}/layer_norm")
        wide = _multiply(self.graph, normal, *self._linear(f"{prefix}/linear_0"))
        active = self.graph.add("Gelu", wide, domain=_MICROSOFT)
        return self.graph.add(
            "Add", values, _multiply(self.graph, active, *self._linear(f"{prefix}/linear_1"))
        )

    def _out(self, values: str, by_head: str, prefix: str) -> str:
        turned = self.graph.add("Transpose", by_head, perm=_SPLIT_HEADS)
        joined = self.graph.add("Reshape", turned, self._join)
        return self.graph.add("Add", values, _multiply(self.graph, joined, *self._linear(prefix)))

    def _split_heads(self, values: str) -> str:
        return self.graph.add("Transpose", self.graph.add("Reshape", values, self._split), perm=_SPLIT_HEADS)

    def _linear(self, prefix: str) -> tuple[Weights, Weights]:
        return self._weights(f"{prefix}/weight"), self._weights(f"{prefix}/bias")

    def _weights(self, name: str) -> Weights:
        return self._checkpoint.weights(name)
