"""Finds the weights of a model, and puts them into the data directory if need be.

Whatever they come from, they are written to a folder of their own, their hash is checked, and the whole is
moved to its place. Afterwards a marker file says so, and a start does not read them a second time.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError

from vocafuse_server.transcription.catalogue import (
    KNOWN,
    WEIGHTS,
    Offer,
    PackagedModel,
    Source,
    WeightsError,
    hub_model,
    missing_files,
    source_of,
)
from vocafuse_server.transcription.packages import find_parts, offer_packaged

Progress = Callable[[int, int], None]
"""Called with the bytes that are done and the bytes in all."""

_MARKER = "verified.json"
_LOCK = ".lock"
_SPARE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A CTranslate2 model on disk: its directory and the name to report for it."""

    path: Path
    name: str


class Marker(BaseModel):
    """What is known of weights whose hash has been checked."""

    sha256: str
    size: int


class State(StrEnum):
    """How far a known model is from being used."""

    READY = "ready"  # In the data directory.
    INSTALLED = "installed"  # In installed packages: put together when it is first used.
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model by its name, and how far it is from being used; `path` is where it is or will be."""

    name: str
    source: Source
    state: State
    path: Path
    size_bytes: int | None


def resolve_model(
    model: str,
    *,
    data_dir: Path,
    progress: Progress | None = None,
    known: Mapping[str, Source] = KNOWN,
    hub: str | None = None,
) -> ModelFiles:
    """Find a model's files, putting them together or downloading them if need be.

    Args:
        model: A known name ("base", "tiny.en", "small"), a directory with a CTranslate2 model, or the name of
            another Whisper model on the hub ("large-v3", "owner/name").
        data_dir: Everything but a directory of one's own is kept in its folder `models`.
        progress: Told how far the copying is.
        known: The models that are known by their names.
        hub: The model hub's URL; None: the public one.

    Raises:
        WeightsError: They can't be had.
    """
    source = source_of(model, known)
    if isinstance(source, Path):
        return _own_folder(source)
    target = _folder_of(model, data_dir)
    if find_marker(target, source) is None:
        _obtain(model, source, target, progress or _silent, hub)
    return ModelFiles(target, model)


def list_models(data_dir: Path, known: Mapping[str, Source] = KNOWN) -> list[Entry]:
    """The known models, and those from the hub that are here."""
    here = {path.parent.name.replace("--", "/") for path in (data_dir / "models").glob(f"[!.]*/{_MARKER}")}
    others = {name: hub_model(name) for name in sorted(here - set(known))}
    return [find_entry(name, source, data_dir) for name, source in {**known, **others}.items()]


def find_marker(folder: Path, source: Source) -> Marker | None:
    """What an earlier call found when it put these weights there, if their size is still the same."""
    try:
        marker = Marker.model_validate_json((folder / _MARKER).read_bytes())
        size = (folder / WEIGHTS).stat().st_size
    except (OSError, ValidationError):
        return None
    return marker if marker.sha256 == (source.sha256 or marker.sha256) and marker.size == size else None


def weights_digest(folder: Path) -> str:
    """The SHA-256 of the weights in a model's folder as they are now, in hexadecimal."""
    return _digest(folder / WEIGHTS)


def find_entry(name: str, source: Source, data_dir: Path) -> Entry:
    """A model, and how far it is from being used."""
    folder = _folder_of(name, data_dir)
    marker = find_marker(folder, source)
    state = State.ABSENT
    if marker is not None:
        state = State.READY
    elif isinstance(source, PackagedModel) and find_parts(source) is not None:
        state = State.INSTALLED
    return Entry(name, source, state, folder, marker.size if marker else source.size_bytes)


def _folder_of(model: str, data_dir: Path) -> Path:
    return data_dir / "models" / model.replace("/", "--")


def _own_folder(path: Path) -> ModelFiles:
    names = [file.name for file in path.iterdir()] if path.is_dir() else []
    if missing := missing_files(names):
        raise WeightsError(f"There is no CTranslate2 model in {path}: it lacks {', '.join(missing)}.")
    return ModelFiles(path, path.resolve().name)


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def _obtain(model: str, source: Source, target: Path, progress: Progress, hub: str | None) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(target.parent):
            if find_marker(target, source) is None:  # Nobody else was faster.
                _build(model, _offer(model, source, hub), target, progress)
    except OSError as error:
        raise WeightsError(
            f"The weights of {model!r} can't be written to {target.parent}: {error.strerror or error}."
        ) from error


@contextmanager
def _one_at_a_time(folder: Path) -> Generator[None]:
    """Wait until no other process builds a model here."""
    with (folder / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _offer(model: str, source: Source, hub: str | None) -> Offer:
    if isinstance(source, PackagedModel):
        return offer_packaged(model, source)
    # The hub's client is slow to import, and most servers never need it.
    from vocafuse_server.transcription.hub import offer_from_hub

    return offer_from_hub(source, endpoint=hub)


def _build(model: str, offer: Offer, target: Path, progress: Progress) -> None:
    """Build the model beside `target` and move it there when it is proven right."""
    _check_free_space(target.parent, offer.size_bytes)
    building = target.with_name(f".{target.name}")
    shutil.rmtree(building, ignore_errors=True)  # What a killed process left.
    building.mkdir()
    done = 0

    def report(size: int) -> None:
        nonlocal done
        done += size
        progress(done, offer.size_bytes)

    try:
        offer.write(building, report)
        marker = _verify(model, building / WEIGHTS, offer)
        (building / _MARKER).write_text(marker.model_dump_json())
        if target.exists():
            shutil.rmtree(target)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _verify(model: str, weights: Path, offer: Offer) -> Marker:
    digest = _digest(weights)
    if digest != offer.sha256:
        raise WeightsError(
            f"The weights of {model!r} are not the published ones (sha256 {digest},"
            f" expected {offer.sha256}): {offer.otherwise}."
        )
    return Marker(sha256=digest, size=weights.stat().st_size)


def _digest(weights: Path) -> str:
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_free_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise WeightsError(
            f"There is too little disk space for the weights: {_megabytes(needed + _SPARE_BYTES)} MB are"
            f" needed, {_megabytes(free)} MB are free in {folder}."
        )


def _megabytes(size: int) -> int:
    return round(size / 1e6)
