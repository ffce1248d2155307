"""CTranslate2 alone, which serves GPUs, beside the decoder for processors."""

from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from vocafuse_server.transcription.engine import Samples
from vocafuse_server.transcription.hardware import Hardware
from vocafuse_server.transcription.model import Model, Output
from vocafuse_server.transcription.weights import ModelFiles
from vocafuse_server.transcription.whisper import CTranslate2Whisper, HybridWhisper, load_model

pytestmark = pytest.mark.model

Decode = Callable[[str], Awaitable[Samples]]

CLIPS = ["wav-16k.wav", "arctic_a0009.wav", "harvard-birch-canoe.wav"]
CONTEXT_S = 10.0
ON_CPU = Hardware("cpu", "int8", workers=1, threads=1)


@pytest.fixture(scope="module")
def plain(base_files: ModelFiles) -> CTranslate2Whisper:
    return CTranslate2Whisper(base_files, ON_CPU)


@pytest.fixture(scope="module")
def hybrid(base_files: ModelFiles) -> HybridWhisper:
    return HybridWhisper(base_files, ON_CPU)


async def features(model: Model, decode: Decode, names: list[str]) -> NDArray[np.float32]:
    return np.stack([model.log_mel(await decode(name), CONTEXT_S) for name in names])


def words(model: Model, output: Output) -> list[str]:
    text = model.vocabulary.spell(model.vocabulary.text_tokens(output.tokens))
    return [word.strip(".,?!").casefold() for word in text.split()]


async def test_both_write_the_same_words_at_the_same_times(
    plain: CTranslate2Whisper, hybrid: HybridWhisper, decode: Decode
) -> None:
    for name in CLIPS:
        states = plain.encode(await features(plain, decode, [name]))
        mine, theirs = hybrid.decode(states, [None])[0], plain.decode(states, [None])[0]
        assert mine.language == theirs.language == "en"
        assert mine.language_probability == pytest.approx(theirs.language_probability, abs=0.05)
        assert mine.no_speech_prob == pytest.approx(theirs.no_speech_prob, abs=0.05)
        assert mine.avg_logprob == pytest.approx(theirs.avg_logprob, abs=0.1)
        written, expected = (words(plain, output) for output in (mine, theirs))
        assert len(written) > 4
        assert len(set(written) ^ set(expected)) <= 2
        frames = [int(CONTEXT_S * 100)]
        ours_s, theirs_s = (model.align(states, [mine], frames)[0].starts_s for model in (hybrid, plain))
        assert np.median(np.abs(np.array(ours_s) - np.array(theirs_s))) <= 0.04


async def test_a_batch_changes_no_output(plain: CTranslate2Whisper, decode: Decode) -> None:
    together = plain.decode(plain.encode(await features(plain, decode, CLIPS)), [None] * len(CLIPS))
    for name, output in zip(CLIPS, together, strict=True):
        alone = plain.decode(plain.encode(await features(plain, decode, [name])), [None])[0]
        assert alone.tokens == output.tokens


async def test_sampling_gives_the_same_for_the_same_window(hybrid: HybridWhisper, decode: Decode) -> None:
    states = hybrid.encode(await features(hybrid, decode, CLIPS[:1]))
    first, second = (hybrid.decode(states, ["en"], temperature=0.8)[0] for _ in range(2))
    assert first.tokens == second.tokens


@pytest.mark.parametrize(("context_s", "windows"), [(5.0, 4), (20.0, 4), (22.5, 3), (25.0, 2), (30.0, 2)])
def test_long_windows_share_their_batch_with_fewer(
    plain: CTranslate2Whisper, context_s: float, windows: int
) -> None:
    assert plain.batch_size(context_s) == windows


def test_what_is_loaded_depends_on_the_hardware(base_files: ModelFiles) -> None:
    assert isinstance(load_model(base_files, ON_CPU), HybridWhisper)
    precise = Hardware("cpu", "float32", workers=1, threads=1)
    assert isinstance(load_model(base_files, precise), CTranslate2Whisper)
