"""Following events with the async client."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from vocafuse import _event_flows

if TYPE_CHECKING:
    from types import TracebackType

    from vocafuse._async_sending import AsyncHttp
    from vocafuse._models import Event


class AsyncEventStream:
    """Events as they happen: iterate over it. Use it as a context manager, or call `close`.

    A connection that breaks is opened again, after the last event that was read. It ends when it is
    closed, or with an exception: when the service refuses, or can't be reached by all the retries.
    """

    def __init__(self, events: AsyncGenerator[Event]) -> None:
        self._events = events

    def __aiter__(self) -> AsyncEventStream:
        return self

    async def __anext__(self) -> Event:
        return await anext(self._events)

    async def __aenter__(self) -> AsyncEventStream:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hangs up."""
        await self._events.aclose()


class AsyncEvents:
    """What happens to notes."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def stream(
        self, *, voicenote_id: str | None = None, last_event_id: str | None = None
    ) -> AsyncEventStream:
        """Follows what happens to all notes of the account, or to one. Connects when it is iterated over.

        The first event is `ready`: from then on nothing is missed. After a break comes another; if its
        `resumed` is False, what happened meanwhile is no longer known, so read your list again.

        Args:
            voicenote_id: Only what happens to this note; `ready` then holds it as it is.
            last_event_id: The `id` of the last event that was read, to go on after it.

        Raises:
            NotFoundError: There is no such note; raised when it is iterated over, as are the others.
            RateLimitError: Too many streams are open.
        """
        feed = _event_flows.follow(voicenote_id, last_event_id, self._http.policy)
        return AsyncEventStream(self._http.iterate(feed))
