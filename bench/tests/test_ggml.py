"""Weights for whisper.cpp, read from CTranslate2's file and named anew."""

import struct
from pathlib import Path

import numpy as np
import pytest

from bench.ggml import Array, named_for_ggml, read_ct2


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def write_model(file: Path, tensors: dict[str, Array], version: int = 6) -> Path:
    content = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for name, tensor in tensors.items():
        kind = {"float16": 4, "int8": 1}[tensor.dtype.name]
        content += text(name) + struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
        content += struct.pack("<BI", kind, tensor.nbytes) + tensor.tobytes()
    file.write_bytes(content + struct.pack("<I", 0))
    return file


def test_every_tensor_is_read_with_its_shape(tmp_path: Path) -> None:
    tensors: dict[str, Array] = {
        "encoder/conv1/weight": np.arange(12, dtype=np.float16).reshape(2, 3, 2),
        "decoder/num_heads": np.array(8, dtype=np.int8),
    }
    found = read_ct2(write_model(tmp_path / "model.bin", tensors))
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor, strict=True)


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="version"):
        read_ct2(write_model(tmp_path / "model.bin", {}, version=7))


def test_joined_projections_are_taken_apart() -> None:
    layer = "decoder/layer_0"
    tensors: dict[str, Array] = {
        "encoder/position_encodings/encodings": np.zeros((3, 2), np.float16),
        "decoder/position_encodings/encodings": np.zeros((4, 2), np.float16),
        "decoder/embeddings/weight": np.zeros((9, 2), np.float16),
        f"{layer}/ffn/linear_0/weight": np.ones((8, 2), np.float16),
        f"{layer}/self_attention/linear_0/weight": np.arange(12, dtype=np.float16).reshape(6, 2),
        f"{layer}/self_attention/linear_0/bias": np.arange(6, dtype=np.float16),
        f"{layer}/self_attention/layer_norm/gamma": np.ones(2, np.float16),
    }
    found = dict(named_for_ggml(tensors))
    block = "decoder.blocks.0"
    np.testing.assert_array_equal(found[f"{block}.attn.key.weight"], [[4, 5], [6, 7]])
    np.testing.assert_array_equal(found[f"{block}.attn.value.bias"], [4, 5])
    np.testing.assert_array_equal(found[f"{block}.attn_ln.weight"], [1, 1])
    assert f"{block}.attn.key.bias" not in found  # Whisper has none
    assert f"{block}.mlp.0.weight" in found
