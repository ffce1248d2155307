"""The real weights, and files that are no such thing."""

from pathlib import Path

import numpy as np
import pytest

from vocafuse_server.transcription.checkpoint import Checkpoint, UnreadableCheckpoint
from vocafuse_server.transcription.decoder_graph import DecoderShape, read_shape
from vocafuse_server.transcription.weights import ModelFiles

pytestmark = pytest.mark.model

EMBEDDINGS = "decoder/embeddings/weight"


@pytest.fixture(scope="module")
def checkpoint(base_files: ModelFiles) -> Checkpoint:
    return Checkpoint(base_files.path / "model.bin")


def test_the_size_of_base(checkpoint: Checkpoint) -> None:
    assert read_shape(checkpoint) == DecoderShape(layers=6, heads=8, width=512, vocabulary=51865)


def test_rows_are_those_of_the_whole(checkpoint: Checkpoint) -> None:
    whole = checkpoint.weights(EMBEDDINGS)
    chosen = np.array([50364, 0, 7])
    assert np.array_equal(checkpoint.rows(EMBEDDINGS, chosen), whole[chosen])
    assert 0.001 < float(np.abs(whole).mean()) < 1


def test_an_alias_stands_for_another(checkpoint: Checkpoint) -> None:
    assert checkpoint.shape("decoder/projection/weight") == checkpoint.shape(EMBEDDINGS)


def test_what_is_not_there_is_said(checkpoint: Checkpoint) -> None:
    with pytest.raises(UnreadableCheckpoint, match="decoder/layer_6"):
        checkpoint.weights("decoder/layer_6/ffn/linear_0/weight")


@pytest.mark.parametrize("content", [b"", b"\x06\x00\x00\x00", b"\x01\x00\x00\x00\x00\x00" * 9])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(UnreadableCheckpoint):
        Checkpoint(path)
