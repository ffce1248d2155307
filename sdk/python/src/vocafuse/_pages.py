"""One page of a list."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Generic, overload

from vocafuse._items import ItemT, WireValue, items_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Page(Generic[ItemT]):
    """The items of one page, and where it stands in the list.

    Iterate over it for the items, or use it like the JSON it came from: `page["voicenotes"]`,
    `page["next_page_uri"]`.

    Attributes:
        items: The items on this page.
        total: How many there are on all pages together.
        page: The number of this page, from 0.
        page_size: How many items this page holds.
        next_page_uri: None on the last page.
        previous_page_uri: None on the first page.
    """

    def __init__(self, wire: Mapping[str, WireValue], key: str, model: type[ItemT]) -> None:
        self._wire = dict(wire)
        self._key = key
        self.items: list[ItemT] = items_of(model, wire.get(key))
        self.total: int = wire.get("total", len(self.items))
        self.page: int = wire.get("page", 0)
        self.page_size: int = wire.get("page_size", len(self.items))
        self.next_page_uri: str | None = wire.get("next_page_uri")
        self.previous_page_uri: str | None = wire.get("previous_page_uri")

    def __iter__(self) -> Iterator[ItemT]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, key: int) -> ItemT: ...
    @overload
    def __getitem__(self, key: str) -> WireValue: ...
    def __getitem__(self, key: int | str) -> ItemT | WireValue:
        if isinstance(key, int):
            return self.items[key]
        return self.items if key == self._key else self._wire[key]

    def __repr__(self) -> str:
        return f"Page({self._key}={len(self.items)}, page={self.page}, total={self.total})"

    def to_dict(self) -> dict[str, Any]:
        """A copy of the JSON object as the service sent it."""
        return copy.deepcopy(self._wire)
