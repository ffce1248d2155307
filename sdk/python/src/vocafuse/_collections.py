# Made of _async_collections.py by `make sdk`: change that one.
"""What all resources of the sync client share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic

from vocafuse import _flows
from vocafuse._calls import FilterValue, get_call, list_call
from vocafuse._items import ItemT
from vocafuse._pages import Page

if TYPE_CHECKING:
    from vocafuse._calls import Call
    from vocafuse._sending import Http


class Resource(Generic[ItemT]):
    """One item, named by its id. Nothing is sent before a method is called.

    Attributes:
        id: The id that was given; whether there is such an item is not known.
    """

    def __init__(self, collection: Collection[ItemT], item_id: str) -> None:
        self.id = item_id
        self._collection = collection

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def get(self) -> ItemT:
        """The item as it is now.

        Raises:
            NotFoundError: There is none with this id.
        """
        return self._collection.get(self.id)

    def delete(self) -> None:
        """Deletes the item for good.

        Raises:
            NotFoundError: There is none with this id.
        """
        self._collection.delete(self.id)


class Readable(Generic[ItemT]):
    """A collection that can be listed and read.

    Args:
        path: Where it is below the base URL.
        key: What a page calls its items.
    """

    def __init__(self, http: Http, path: str, key: str, model: type[ItemT]) -> None:
        self._http = http
        self._path = path
        self._key = key
        self._model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"

    def get(self, item_id: str, /) -> ItemT:
        """One item by its id.

        Raises:
            NotFoundError: There is none with this id.
        """
        return self._fetch(get_call(self._path, item_id))

    def _fetch(self, call: Call) -> ItemT:
        return self._http.run(_flows.fetch_item(call, self._model, self._http.policy))

    def _list(self, **filters: FilterValue) -> Page[ItemT]:
        call = list_call(self._path, filters)
        return self._http.run(_flows.fetch_page(call, self._key, self._model, self._http.policy))

    def _list_all(self, **filters: FilterValue) -> Iterator[ItemT]:
        call = list_call(self._path, filters)
        feed = _flows.all_pages(call, self._path, self._key, self._model, self._http.policy)
        return self._http.iterate(feed)


class Collection(Readable[ItemT]):
    """A collection whose items can be deleted."""

    def delete(self, item_id: str, /) -> None:
        """Deletes one item for good.

        Raises:
            NotFoundError: There is none with this id.
        """
        self._http.run(_flows.delete(self._path, item_id, self._http.policy))
