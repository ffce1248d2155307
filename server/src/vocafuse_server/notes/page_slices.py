"""Where a page begins in a long list, found from how many notes each day has.

Counting rows off from the beginning of a list takes the longer the deeper the page is. So a page is counted
off from the nearest midnight instead: within the days that it touches, from whichever end is nearer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from vocafuse_server.notes.filters import TimeRange

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayCount:
    """A day's place in a list.

    Attributes:
        newer: How many notes of the list are of later days.
        upto: How many are of this day or a later one.
    """

    day: date
    newer: int
    upto: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of a list: `take` of those in `created`, after `skip`, counted from the newest or the oldest."""

    created: TimeRange
    skip: int
    take: int
    newest_first: bool


def slice_of(days: Sequence[DayCount], *, offset: int, limit: int, created: TimeRange) -> Slice:
    """The rows from `offset` on, at most `limit`.

    Args:
        days: All days with notes between these two places in the list, newest first; at least one.
        created: What the list is narrowed to.
    """
    first, last = days[0], days[-1]
    end = min(offset + limit, last.upto)
    newest_first = offset - first.newer <= last.upto - end
    return Slice(
        created=TimeRange(
            start=_later(created.start, _midnight(last.day)),
            end=_earlier(created.end, _midnight(first.day) + _DAY),
        ),
        skip=offset - first.newer if newest_first else last.upto - end,
        take=end - offset,
        newest_first=newest_first,
    )


@dataclass(frozen=True, slots=True)
class DaySpan:
    """A range of time as whole days, `first_day` to before `end_day`, and the parts of days at its ends."""

    first_day: date | None
    end_day: date | None
    parts: tuple[tuple[date, TimeRange], ...]


def span_of(created: TimeRange) -> DaySpan:
    """The whole days in a range, and what is left of it."""
    start, end = created.start, created.end
    if start and end and start.date() == end.date():
        return DaySpan(end.date(), end.date(), ((end.date(), created),))
    parts: list[tuple[date, TimeRange]] = []
    if end and end != _midnight(end.date()):
        parts.append((end.date(), TimeRange(_midnight(end.date()), end)))
    first_day = start and start.date()
    if start and start != _midnight(start.date()):
        first_day = _next_midnight(start).date()
        parts.append((start.date(), TimeRange(start, _next_midnight(start))))
    return DaySpan(first_day, end and end.date(), tuple(parts))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)


def _next_midnight(moment: datetime) -> datetime:
    day = moment.date()
    return datetime.max.replace(tzinfo=timezone.utc) if day == date.max else _midnight(day) + _DAY


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)
