"""v1's pages: items under the collection's name, and the URIs of the neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, create_model

from vocafuse_server.core.pages import Page


def page_model(name: str, collection: str, item: type[BaseModel]) -> type[BaseModel]:
    """The schema of a page whose items stand under `collection`."""
    fields: dict[str, Any] = {
        collection: (list[item], ...),
        "uri": (str, ...),
        "first_page_uri": (str, ...),
        "next_page_uri": (str | None, ...),
        "previous_page_uri": (str | None, ...),
        "page": (int, ...),
        "page_size": (int, ...),
        "total": (int, ...),
    }
    return create_model(name, **fields)


def page_body(
    page: Page[Any],
    *,
    collection: str,
    items: Sequence[BaseModel],
    path: str,
    filters: Mapping[str, str | None],
) -> dict[str, object]:
    """A page on the wire; its URIs keep the filters as the client spelled them."""
    kept = {name: value for name, value in filters.items() if value is not None}

    def uri(number: int) -> str:
        return f"{path}?{urlencode({'page': number, 'limit': page.request.limit, **kept})}"

    number = page.request.page
    return {
        collection: items,
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if page.has_next else None,
        "previous_page_uri": uri(number - 1) if number > 0 else None,
        "page": number,
        "page_size": len(page.items),
        "total": page.total,
    }
