"""The most int8 operations a second that this machine does: ONNX Runtime's matrix product on all cores.

ONNX Runtime is there anyway (the voice detector runs on it), and its `MatMulInteger` uses whatever the
processor has for 8-bit products. Sizes like those in Whisper and larger ones are tried; the fastest single
product counts, so that a neighbour's load makes this limit too low as seldom as possible.
"""

import os
import time
from collections.abc import Sequence

import numpy as np
import onnxruntime
from numpy.typing import NDArray

SIZES = ((512, 2048, 512), (1024, 512, 2048), (1024, 4096, 1024), (2048, 2048, 2048))
SECONDS_EACH = 0.75

# Types of tensors in ONNX, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_UINT8, _INT8, _INT32 = 2, 3, 6


def int8_peak(sizes: Sequence[tuple[int, int, int]] = SIZES, *, seconds_each: float = SECONDS_EACH) -> float:
    """Operations a second; a multiply-add is two."""
    return max(_rate(*size, seconds=seconds_each) for size in sizes)


def _rate(rows: int, inner: int, columns: int, *, seconds: float) -> float:
    random = np.random.default_rng(0)
    weights = random.integers(-100, 100, (inner, columns), dtype=np.int8)
    inputs = random.integers(0, 200, (rows, inner), dtype=np.uint8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    session = onnxruntime.InferenceSession(product_model(weights), options, ["CPUExecutionProvider"])
    session.run(None, {"a": inputs})
    fastest_s, end = float("inf"), time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        session.run(None, {"a": inputs})
        fastest_s = min(fastest_s, time.perf_counter() - started)
    return 2 * rows * inner * columns / fastest_s


def product_model(weights: NDArray[np.int8]) -> bytes:
    """An ONNX model that multiplies uint8 inputs `a` with the weights.

    Written out in protobuf's encoding, because the package `onnx` would be needed for these few bytes alone.
    """
    node = _text(1, "a") + _text(1, "b") + _text(2, "c") + _text(4, "MatMulInteger")
    shape = b"".join(_number(1, size) for size in weights.shape)
    tensor = shape + _number(2, _INT8) + _text(8, "b") + _message(9, weights.tobytes())
    graph = _message(1, node) + _text(2, "product") + _message(5, tensor)
    graph += _message(11, _value("a", _UINT8)) + _message(12, _value("c", _INT32))
    return _number(1, 8) + _message(7, graph) + _message(8, _number(2, 13))


def _value(name: str, kind: int) -> bytes:
    return _text(1, name) + _message(2, _message(1, _number(1, kind)))


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + _varint(rest)
