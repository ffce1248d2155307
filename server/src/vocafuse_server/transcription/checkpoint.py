"""Reads the weights of a model in CTranslate2's format, one at a time.

The format (CTranslate2's model_spec.py, version 6): version, name, revision and number of variables; for each
variable its name, rank, shape, type, size in bytes and bytes; then aliases, names that stand for others. A
string is its length in two bytes and that many bytes, the last one 0. All numbers are little-endian.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]

_FLOAT32, _INT8, _FLOAT16, _BFLOAT16 = 0, 1, 4, 5
_STORED_AS: dict[int, type[np.generic]] = {
    _FLOAT32: np.float32,
    _INT8: np.int8,
    _FLOAT16: np.float16,
    _BFLOAT16: np.uint16,
}
_VERSION = 6
_SCALE = "_scale"


class UnreadableCheckpoint(Exception):
    """The weights are kept in a way that this module does not know; the message says which."""


@dataclass(frozen=True, slots=True)
class _Variable:
    shape: tuple[int, ...]
    type_id: int
    offset: int


class Checkpoint:
    """The variables of a `model.bin`, which is mapped into memory and read where it is asked for.

    Raises:
        UnreadableCheckpoint: The file is of another version.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._variables, self._aliases = _read_index(file)
        self._bytes = np.memmap(path, np.uint8, mode="r")

    def __contains__(self, name: str) -> bool:
        return self._aliases.get(name, name) in self._variables

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a variable."""
        return self._find(name).shape

    def weights(self, name: str) -> Weights:
        """A variable's numbers.

        Raises:
            UnreadableCheckpoint: There is no such variable, or its type is not known.
        """
        return self.rows(name, slice(None))

    def rows(self, name: str, chosen: slice | NDArray[np.int64]) -> Weights:
        """Some rows of a variable, read from the file without the others.

        Raises:
            UnreadableCheckpoint: There is no such variable, or its type is not known.
        """
        variable = self._find(name)
        stored = np.asarray(self._stored(name, variable)[chosen])
        if variable.type_id == _BFLOAT16:
            return (stored.astype(np.uint32) << 16).view(np.float32)
        if variable.type_id == _INT8 and name + _SCALE in self:
            return stored.astype(np.float32) / self.rows(name + _SCALE, chosen)[:, None]
        return stored.astype(np.float32)

    def _stored(self, name: str, variable: _Variable) -> NDArray[np.generic]:
        stored_as = _STORED_AS.get(variable.type_id)
        if stored_as is None:
            raise UnreadableCheckpoint(f"The variable {name!r} has the type {variable.type_id}.")
        # Where a variable lies is not a multiple of its numbers' size: only this constructor allows that.
        return np.ndarray(variable.shape, stored_as, buffer=self._bytes, offset=variable.offset)

    def _find(self, name: str) -> _Variable:
        try:
            return self._variables[self._aliases.get(name, name)]
        except KeyError:
            raise UnreadableCheckpoint(f"There is no variable {name!r}.") from None


def _read_index(file: BinaryIO) -> tuple[dict[str, _Variable], dict[str, str]]:
    (version,) = _numbers(file, "I")
    if version != _VERSION:
        raise UnreadableCheckpoint(f"The file has version {version}, not {_VERSION}.")
    _string(file)
    _, count = _numbers(file, "II")
    variables: dict[str, _Variable] = {}
    for _ in range(count):
        name = _string(file)
        (rank,) = _numbers(file, "B")
        shape = _numbers(file, f"{rank}I")
        type_id, size = _numbers(file, "BI")
        variables[name] = _Variable(shape, type_id, file.tell())
        file.seek(size, 1)
    (count,) = _numbers(file, "I")
    return variables, {_string(file): _string(file) for _ in range(count)}


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    form = f"<{form}"
    try:
        return struct.unpack(form, file.read(struct.calcsize(form)))
    except struct.error as error:
        raise UnreadableCheckpoint("The file ends too early.") from error


def _string(file: BinaryIO) -> str:
    (length,) = _numbers(file, "H")
    return file.read(length)[:-1].decode()
