"""Test clips, and the decoder pool that most tests share."""

import io
import struct
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits

CLIPS = Path(__file__).parents[2] / "audio"


@pytest.fixture(scope="session")
def clip() -> Callable[[str], bytes]:
    """Reads a test clip by its name."""
    return lambda name: (CLIPS / name).read_bytes()


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[DecoderPool]:
    """A pool for the tests that do no harm to its processes."""
    pool = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=60.0))
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def make_wav() -> Callable[..., bytes]:
    """Makes a WAV file of constant samples: `channels` gives the value of each channel."""

    def make(
        *, channels: tuple[int, ...] = (1000,), sample_rate: int = 16_000, frames: int = 16_000
    ) -> bytes:
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(len(channels))
            writer.setsampwidth(2)
            writer.setframerate(sample_rate)
            writer.writeframes(struct.pack(f"<{len(channels)}h", *channels) * frames)
        return file.getvalue()

    return make
