import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from vocafuse_server.transcription.engine import Samples
from vocafuse_server.transcription.features import LogMel


def voice_like(samples: int, level: float = 0.1) -> Samples:
    random = np.random.default_rng(7)
    time_s = np.arange(samples) / 16_000
    tone = np.sin(2 * np.pi * 180 * time_s) * (1 + np.sin(2 * np.pi * 3 * time_s))
    return (level * (tone + 0.1 * random.standard_normal(samples))).astype(np.float32)


def padded(audio: Samples, context_s: float, n_mels: int) -> Samples:
    """What Whisper's own extractor makes of the note with 30 s of silence after it, cut to the context."""
    whole = np.pad(audio, (0, 30 * 16_000))
    return FeatureExtractor(feature_size=n_mels)(whole)[:, : int(context_s * 100)]


@pytest.mark.parametrize("n_mels", [80, 128])
@pytest.mark.parametrize("duration_s", [0.1, 1.0, 3.217, 9.99, 28.0])
def test_equal_to_padding_the_audio(duration_s: float, n_mels: int) -> None:
    audio = voice_like(int(duration_s * 16_000))
    context_s = 30.0 if duration_s > 20 else 12.5
    features = LogMel(n_mels)(audio, context_s)
    assert features.dtype == np.float32
    assert features.shape == (n_mels, context_s * 100)
    np.testing.assert_allclose(features, padded(audio, context_s, n_mels), atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3 * 16_000), st.floats(0, 1))
def test_equal_for_any_length_and_level(samples: int, level: float) -> None:
    audio = voice_like(samples, level)
    np.testing.assert_allclose(LogMel(80)(audio, 5.0), padded(audio, 5.0, 80), atol=1e-4)


def test_silence_is_one_value() -> None:
    features = LogMel(80)(np.zeros(16_000, dtype=np.float32), 5.0)
    assert np.ptp(features) == 0
    assert features[0, 0] == -1.5


def test_audio_beyond_the_context_is_left_out() -> None:
    assert LogMel(80)(voice_like(16_000 * 8), 5.0).shape == (80, 500)


def test_blank_puts_zeros_after_the_note_and_nowhere_else() -> None:
    audio = voice_like(16_000)
    features = LogMel(80)(audio, 5.0)
    blank = LogMel(80)(audio, 5.0, blank=True)
    note_frames = 102  # Its own hundred, and two that reach into it.
    np.testing.assert_array_equal(blank[:, :note_frames], features[:, :note_frames])
    assert not blank[:, note_frames:].any()
    assert features[:, note_frames:].any()
