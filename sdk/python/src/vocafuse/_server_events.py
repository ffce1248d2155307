"""Reading server-sent events, as the HTML standard has them: no I/O here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from vocafuse._models import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

RECONNECT_S = 2.0


class EventReader:
    """Makes events of the pieces of a stream, wherever they were cut.

    Attributes:
        reconnect_s: How long to wait before the next connection, as the server said last.
    """

    def __init__(self) -> None:
        self.reconnect_s = RECONNECT_S
        self._rest = b""
        self._fields: dict[str, str] = {}

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that end in this piece."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            event = self._take(line.removesuffix(b"\r").decode(errors="replace"))
            if event is not None:
                yield event

    def _take(self, line: str) -> Event | None:
        if not line:
            fields, self._fields = self._fields, {}
            return _event_of(fields)
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "retry" and value.isdecimal():
            self.reconnect_s = int(value) / 1000
        elif name == "data" and name in self._fields:
            self._fields[name] += f"\n{value}"
        elif name in {"id", "data"}:
            self._fields[name] = value
        return None


def _event_of(fields: dict[str, str]) -> Event | None:
    try:
        data: Any = json.loads(fields.get("data", ""))
    except ValueError:
        return None
    if not isinstance(data, dict):
        return None
    return Event({"id": fields.get("id") or None, **cast("dict[str, Any]", data)})
