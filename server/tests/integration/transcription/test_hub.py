"""Models from a hub: downloaded once, proven right, and told plainly when they can't be had."""

import hashlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.hub import COMMIT, Hub, hub_running

from vocafuse_server.core.settings import MIB
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.catalogue import HubModel, WeightsError
from vocafuse_server.transcription.engine import Samples, TranscribeOptions
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import resolve_model

REPOSITORY = "someone/faster-whisper-mini"
FILES = {
    "model.bin": bytes(range(256)) * 50_000,  # More than the 10 MiB that the hub's client keeps in memory.
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "vocabulary.json": b"[]",
    "README.md": b"not needed",
}
WEIGHTS = FILES["model.bin"]
PINNED = HubModel(REPOSITORY, COMMIT, hashlib.sha256(WEIGHTS).hexdigest(), len(WEIGHTS))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with one repository."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    with hub_running() as hub:
        hub.repositories[REPOSITORY] = folder
        yield hub


@pytest.fixture(autouse=True)
def _no_hub_of_the_developers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def test_a_model_is_downloaded_once(hub: Hub, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    files = resolve_model(
        REPOSITORY,
        data_dir=tmp_path / "data",
        hub=hub.url,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert files.name == REPOSITORY
    assert (files.path / "model.bin").read_bytes() == WEIGHTS
    assert {path.name for path in files.path.iterdir()} == {*FILES, "verified.json"} - {"README.md"}
    total = sum(len(content) for name, content in FILES.items() if name != "README.md")
    assert steps[-1] == (total, total)
    hub.statuses[REPOSITORY] = 503
    assert resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url) == files


def test_a_known_name_is_its_pinned_commit(hub: Hub, tmp_path: Path) -> None:
    files = resolve_model("mini", data_dir=tmp_path / "data", hub=hub.url, known={"mini": PINNED})
    assert (files.path.name, files.name) == ("mini", "mini")
    assert (files.path / "model.bin").read_bytes() == WEIGHTS


def test_a_download_that_breaks_off_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after["model.bin"] = len(WEIGHTS) - 1
    files = resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url)
    assert (files.path / "model.bin").read_bytes() == WEIGHTS
    assert hub.ranges == [f"bytes={10 * MIB}-"]


def test_a_server_that_is_stopped_meanwhile_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done > 11 * MIB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url, progress=stop)
    assert [path.name for path in (tmp_path / "data" / "models").iterdir()] == [".lock"]


def test_weights_other_than_the_pinned_ones_are_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    wrong = {"mini": replace(PINNED, sha256="0" * 64)}
    with pytest.raises(WeightsError, match=r"not the published ones \(sha256 .*expected 0000"):
        resolve_model("mini", data_dir=tmp_path / "data", hub=hub.url, known=wrong)
    assert [path.name for path in (tmp_path / "data" / "models").iterdir()] == [".lock"]


def test_weights_other_than_the_hub_says_are_refused(hub: Hub, tmp_path: Path) -> None:
    folder = hub.repositories[REPOSITORY]
    told = hub.model_info(REPOSITORY)
    hub.model_info = lambda repository: told
    (folder / "model.bin").write_bytes(bytes(len(WEIGHTS)))
    with pytest.raises(WeightsError, match="not the published ones"):
        resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url)


def test_a_repository_of_another_kind_is_refused(hub: Hub, tmp_path: Path) -> None:
    for name in ("model.bin", "vocabulary.json"):
        (hub.repositories[REPOSITORY] / name).unlink()
    with pytest.raises(
        WeightsError, match=r"no Whisper model for CTranslate2: it lacks model.bin, vocabulary"
    ):
        resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url)


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "has no such model"), (403, "set HF_TOKEN"), (500, "answered with the status 500")],
)
def test_what_the_hub_refuses_is_told(hub: Hub, tmp_path: Path, status: int, told: str) -> None:
    hub.statuses[REPOSITORY] = status
    with pytest.raises(WeightsError, match=f"{REPOSITORY} can't be downloaded: {hub.url} .*{told}"):
        resolve_model(REPOSITORY, data_dir=tmp_path / "data", hub=hub.url)


def test_a_hub_that_is_not_there_is_told_with_a_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(
        WeightsError, match=f"faster-whisper-large-v3 .*{nobody} can't be reached.*model fetch"
    ):
        resolve_model("large-v3", data_dir=tmp_path, hub=nobody)


def test_a_name_that_is_none_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no name of a folder here, of a known model, or of a repository"):
        resolve_model("what is/this?", data_dir=tmp_path, hub=hub.url)


@pytest.mark.model
async def test_a_downloaded_model_transcribes(
    hub: Hub, tmp_path: Path, models_dir: Path, decode: Callable[[str], Awaitable[Samples]]
) -> None:
    hub.repositories[REPOSITORY] = resolve_model("tiny.en", data_dir=models_dir).path
    files = resolve_model(REPOSITORY, data_dir=tmp_path, hub=hub.url)
    engine = AdaptiveWhisper.load(files, choose_hardware(device="cpu"))
    heard = await engine.transcribe(await decode("whats-the-weather-like.wav"), TranscribeOptions())
    await engine.close()
    assert "weather" in heard.text.lower()
