"""What the models of this library have in common: they still answer like the JSON they came from."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar, cast

ItemT = TypeVar("ItemT", bound="Item")

# The wire decides what a decoded JSON value is, so its type is open, as it is for `json.loads`.
WireValue: TypeAlias = Any
Converters: TypeAlias = Mapping[str, Callable[[WireValue], object]]


class Item(Mapping[str, WireValue]):
    """One object of the service.

    `item["created_at"]` is the value as it came; `item.created_at` is the value as Python has it.
    Fields this version does not know are kept and answer to both. `to_dict()` gives the plain JSON.
    """

    _convert: ClassVar[Converters] = {}
    _shown: ClassVar[tuple[str, ...]] = ("id", "status")

    def __init__(self, wire: Mapping[str, WireValue]) -> None:
        self._wire = dict(wire)

    def __getitem__(self, key: str) -> WireValue:
        return self._wire[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._wire)

    def __len__(self) -> int:
        return len(self._wire)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self._wire[name]!r}" for name in self._shown if name in self._wire)
        return f"{type(self).__name__}({shown})"

    def to_dict(self) -> dict[str, WireValue]:
        """A copy of the JSON object as the service sent it."""
        return copy.deepcopy(self._wire)

    def _attribute(self, name: str) -> object:
        # Without the check, a copy made before `__init__` ran would look itself up for ever.
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._wire and not self._is_field(name):
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        value = self._wire.get(name)
        convert = self._convert.get(name)
        return value if convert is None else convert(value)

    @classmethod
    def _is_field(cls, name: str) -> bool:
        return any(name in vars(kind).get("__annotations__", {}) for kind in cls.__mro__)

    if not TYPE_CHECKING:
        # Hidden from type checkers, which would otherwise accept every misspelt attribute.
        def __getattr__(self, name: str) -> object:
            return self._attribute(name)


def parse_time(text: str | None) -> datetime | None:
    """A time of the wire, which is UTC when it names no zone."""
    if text is None:
        return None
    # Python 3.10 does not read the "Z".
    moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)


def items_of(model: type[ItemT], values: WireValue) -> list[ItemT]:
    """The objects in a decoded JSON list; anything else holds none."""
    if not isinstance(values, list):
        return []
    entries = cast("list[object]", values)
    return [model(cast("dict[str, Any]", entry)) for entry in entries if isinstance(entry, dict)]


def item_or_none(model: type[ItemT]) -> Callable[[WireValue], ItemT | None]:
    """Reads a JSON object as a model, and anything else as None."""
    return lambda wire: model(cast("dict[str, Any]", wire)) if isinstance(wire, dict) else None


def items(model: type[ItemT]) -> Callable[[WireValue], list[ItemT]]:
    """Reads a JSON list of objects as a list of a model."""
    return lambda wire: items_of(model, wire)
