"""One page of a longer list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
# Past this a page number no longer fits Postgres' bigint offset.
MAX_PAGE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted: `page` from 0, `limit` items each."""

    page: int = 0
    limit: int = DEFAULT_LIMIT

    @property
    def offset(self) -> int:
        return self.page * self.limit


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items of one page, and how many there are in all."""

    items: Sequence[Item]
    request: PageRequest
    total: int

    @property
    def has_next(self) -> bool:
        return (self.request.page + 1) * self.request.limit < self.total
