"""The real models, loaded once; they are put together in a folder that outlives the test run."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import Samples
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

CLIPS = Path(__file__).parents[2] / "audio"


def find_more_audio() -> Path | None:
    """A folder `shared/audio` with many more clips, beside the repository; not every checkout has it."""
    for folder in Path(__file__).parents:
        if (folder / "pyproject.toml").exists() and (folder / "server").is_dir():
            more = folder.parent / "shared" / "audio"
            return more if more.is_dir() else None
    return None


@pytest.fixture(scope="session")
async def english_engine(models_dir: Path) -> AsyncIterator[AdaptiveWhisper]:
    """The English-only tiny model."""
    engine = AdaptiveWhisper.load(
        resolve_model("tiny.en", data_dir=models_dir), choose_hardware(device="cpu")
    )
    yield engine
    await engine.close()


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[DecoderPool]:
    pool = DecoderPool(processes=1, limits=DecoderLimits())
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def decode(pool: DecoderPool) -> Callable[[str], Awaitable[Samples]]:
    """Decodes a clip of the repository by its name."""

    async def decode(name: str) -> Samples:
        return (await pool.decode((CLIPS / name).read_bytes())).samples

    return decode


@pytest.fixture(scope="session")
def speech_clips() -> dict[str, dict[str, str]]:
    """The manifest's entries of the speech clips, by file name."""
    return {entry["file"]: entry for entry in json.loads((CLIPS / "manifest.json").read_text())["speech"]}


@pytest.fixture(scope="session")
def more_audio() -> Path:
    """The folder with many more clips; tests that want it are skipped without it."""
    folder = find_more_audio()
    if folder is None:
        pytest.skip("the folder ../shared/audio with the full set of clips is not there")
    return folder
