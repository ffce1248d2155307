"""Writes the weights of a CTranslate2 Whisper model in the format of whisper.cpp, number by number.

So whisper.cpp takes part with the very same weights, and nothing has to be downloaded. Both files hold the
same 16-bit numbers; only names and order differ, and CTranslate2 keeps the query, key and value projections
of a layer in one matrix. The formats: `ctranslate2/specs/model_spec.py` (`Model.save`) in
https://github.com/OpenNMT/CTranslate2 and `models/convert-pt-to-ggml.py` in
https://github.com/ggml-org/whisper.cpp.
"""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from tokenizers import Tokenizer

Array = NDArray[np.generic]

_CT2_VERSION = 6
_CT2_TYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_GGML_MAGIC = 0x67676D6C
_FLOAT32, _FLOAT16 = 0, 1
_SAMPLE_RATE, _FFT = 16_000, 400
_TEXT_CONTEXT = 448
# What whisper.cpp wants in 32 bits although it is a matrix.
_ALWAYS_32 = {"encoder.conv1.bias", "encoder.conv2.bias", "encoder.positional_embedding"} | {
    "decoder.positional_embedding"
}
_PARTS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
_ATTENTION = {
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "self_attention/layer_norm": ("attn_ln",),
}
_CROSS_ATTENTION = {
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "attention/layer_norm": ("cross_attn_ln",),
}
_FEED_FORWARD = {"ffn/linear_0": ("mlp.0",), "ffn/linear_1": ("mlp.2",), "ffn/layer_norm": ("mlp_ln",)}


def ggml_weights(model: Path, target: Path) -> Path:
    """The converted weights of a model's folder; made at the first call."""
    if not target.is_file():
        tensors = read_ct2(model / "model.bin")
        unfinished = target.with_suffix(".part")
        with unfinished.open("wb") as file:
            _write(file, dict(named_for_ggml(tensors)), list(_vocabulary(model / "tokenizer.json")))
        unfinished.rename(target)
    return target


def read_ct2(path: Path) -> dict[str, Array]:
    """All tensors of a CTranslate2 `model.bin`, by name."""
    tensors: dict[str, Array] = {}
    with path.open("rb") as file:

        def number(code: str) -> int:
            return int(struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0])

        def text() -> str:
            return file.read(number("H")).rstrip(b"\0").decode()

        if number("I") != _CT2_VERSION:
            raise ValueError(f"{path} is of another version than {_CT2_VERSION}")
        text()  # the model's kind
        number("I")  # its revision
        for _ in range(number("I")):
            name = text()
            shape = [number("I") for _ in range(number("B"))]
            kind = _CT2_TYPES[number("B")]
            tensors[name] = np.frombuffer(file.read(number("I")), kind).reshape(shape)
    return tensors


def named_for_ggml(tensors: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """The tensors under the names of OpenAI's code, which whisper.cpp uses, with what was joined apart."""
    yield "encoder.positional_embedding", tensors["encoder/position_encodings/encodings"]
    yield "decoder.positional_embedding", tensors["decoder/position_encodings/encodings"]
    yield "decoder.token_embedding.weight", tensors["decoder/embeddings/weight"]
    yield from _apart(tensors, "encoder/conv1", ("encoder.conv1",))
    yield from _apart(tensors, "encoder/conv2", ("encoder.conv2",))
    yield from _apart(tensors, "encoder/layer_norm", ("encoder.ln_post",))
    yield from _apart(tensors, "decoder/layer_norm", ("decoder.ln",))
    for side, blocks in (("encoder", _ATTENTION), ("decoder", _ATTENTION | _CROSS_ATTENTION)):
        for layer in range(_layers(tensors, side)):
            for source, targets in (blocks | _FEED_FORWARD).items():
                names = tuple(f"{side}.blocks.{layer}.{target}" for target in targets)
                yield from _apart(tensors, f"{side}/layer_{layer}/{source}", names)


def _layers(tensors: Mapping[str, Array], side: str) -> int:
    return sum(
        name.startswith(f"{side}/layer_") and name.endswith("/ffn/linear_0/weight") for name in tensors
    )


def _apart(
    tensors: Mapping[str, Array], source: str, targets: tuple[str, ...]
) -> Iterator[tuple[str, Array]]:
    for theirs, part in _PARTS.items():
        if f"{source}/{theirs}" in tensors:
            pieces = np.split(tensors[f"{source}/{theirs}"], len(targets))
            for target, piece in zip(targets, pieces, strict=True):
                if not (part == "bias" and target.endswith(".key")):  # Whisper's keys have none
                    yield f"{target}.{part}", piece


def _vocabulary(file: Path) -> Iterator[bytes]:
    """The bytes of each ordinary token; the file writes them as printable characters, as GPT-2 does."""
    tokenizer = Tokenizer.from_file(str(file))
    byte_of = {character: byte for byte, character in enumerate(_gpt2_characters())}
    for number in range(tokenizer.get_vocab_size(with_added_tokens=False)):
        token = tokenizer.id_to_token(number)
        if token is None or token.startswith("<|"):
            return
        yield bytes(byte_of[character] for character in token)


def _gpt2_characters() -> Iterator[str]:
    """The character that stands for each byte: itself if it is printable, else one from 256 on."""
    replaced = 0
    for byte in range(256):
        if chr(byte).isprintable() and chr(byte) != " ":
            yield chr(byte)
        else:
            yield chr(256 + replaced)
            replaced += 1


def _write(file: BinaryIO, tensors: Mapping[str, Array], vocabulary: list[bytes]) -> None:
    entries, width = tensors["decoder.token_embedding.weight"].shape
    mels = tensors["encoder.conv1.weight"].shape[1]
    heads = width // 64
    layers = sum(name.startswith("encoder.") and name.endswith(".attn.query.weight") for name in tensors)
    positions = len(tensors["encoder.positional_embedding"])
    sizes = (entries, positions, width, heads, layers, _TEXT_CONTEXT, width, heads, layers, mels, _FLOAT16)
    file.write(struct.pack("<12i", _GGML_MAGIC, *sizes))
    filters = FeatureExtractor.get_mel_filters(_SAMPLE_RATE, _FFT, mels).astype("<f4")
    file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
    file.write(struct.pack("<i", len(vocabulary)))
    for token in vocabulary:
        file.write(struct.pack("<i", len(token)) + token)
    for name, tensor in tensors.items():
        _write_tensor(file, name, tensor)


def _write_tensor(file: BinaryIO, name: str, tensor: Array) -> None:
    if name in {"encoder.conv1.bias", "encoder.conv2.bias"}:
        tensor = tensor.reshape(-1, 1)
    kind = _FLOAT32 if tensor.ndim < 2 or name in _ALWAYS_32 else _FLOAT16
    encoded = name.encode()
    file.write(struct.pack("<3i", tensor.ndim, len(encoded), kind))
    file.write(struct.pack(f"<{tensor.ndim}i", *reversed(tensor.shape)) + encoded)
    file.write(tensor.astype("<f2" if kind == _FLOAT16 else "<f4").tobytes())
