"""The place of a page, counted off from the nearest midnight, is where counting off from the top finds it."""

from collections import Counter
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vocafuse_server.notes.filters import TimeRange
from vocafuse_server.notes.page_slices import DayCount, slice_of, span_of

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
moments = st.integers(0, 5 * 24).map(lambda hours: START + timedelta(hours=hours))
ranges = st.builds(TimeRange, st.none() | moments, st.none() | moments)


def within(moment: datetime, wanted: TimeRange) -> bool:
    return (wanted.start is None or wanted.start <= moment) and (wanted.end is None or moment < wanted.end)


def days_of_page(notes: list[datetime], offset: int, limit: int) -> list[DayCount]:
    """As the query has it: the days that touch the page, newest first."""
    days: list[DayCount] = []
    upto = 0
    for day, number in sorted(Counter(note.date() for note in notes).items(), reverse=True):
        upto += number
        if upto > offset and upto - number < offset + limit:
            days.append(DayCount(day, upto - number, upto))
    return days


@given(st.lists(moments, min_size=1), st.integers(0, 40), st.integers(1, 10), ranges)
def test_the_slice_holds_the_rows_of_the_page(
    created: list[datetime], offset: int, limit: int, wanted: TimeRange
) -> None:
    notes = sorted((note for note in created if within(note, wanted)), reverse=True)
    assume(offset < len(notes))
    days = days_of_page(notes, offset, limit)
    part = slice_of(days, offset=offset, limit=limit, created=wanted)
    rows = [note for note in notes if within(note, part.created)]
    found = (rows if part.newest_first else rows[::-1])[part.skip : part.skip + part.take]
    assert (found if part.newest_first else found[::-1]) == notes[offset : offset + limit]
    assert part.skip <= max(day.upto - day.newer for day in days) // 2 + limit


@given(ranges, moments)
def test_a_span_has_each_moment_of_the_range_once(wanted: TimeRange, moment: datetime) -> None:
    assume(wanted.start is None or wanted.end is None or wanted.start < wanted.end)
    span = span_of(wanted)
    day = moment.date()
    in_days = (span.first_day is None or span.first_day <= day) and (
        span.end_day is None or day < span.end_day
    )
    in_parts = sum(within(moment, part) for _, part in span.parts)
    assert int(in_days) + in_parts == int(within(moment, wanted))
    assert all(part.start is not None and part.start.date() == day for day, part in span.parts)


@pytest.mark.parametrize(
    "wanted",
    [
        TimeRange(start=datetime.max.replace(tzinfo=timezone.utc)),
        TimeRange(end=datetime.max.replace(tzinfo=timezone.utc)),
        TimeRange(start=datetime.min.replace(tzinfo=timezone.utc)),
    ],
)
def test_the_ends_of_time_are_moments_too(wanted: TimeRange) -> None:
    assert all(isinstance(day, date) for day, _ in span_of(wanted).parts)
