# Made of _async_events.py by `make sdk`: change that one.
"""Following events with the sync client."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from vocafuse import _event_flows

if TYPE_CHECKING:
    from types import TracebackType

    from vocafuse._models import Event
    from vocafuse._sending import Http


class EventStream:
    """Events as they happen: iterate over it. Use it as a context manager, or call `close`.

    A connection that breaks is opened again, after the last event that was read. It ends when it is
    closed, or with an exception: when the service refuses, or can't be reached by all the retries.
    """

    def __init__(self, events: Generator[Event]) -> None:
        self._events = events

    def __iter__(self) -> EventStream:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hangs up."""
        self._events.close()


class Events:
    """What happens to notes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def stream(self, *, voicenote_id: str | None = None, last_event_id: str | None = None) -> EventStream:
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
        return EventStream(self._http.iterate(feed))
