"""Times on the wire, and the days and moments that filters name."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.dialects.v1.fields import parse_before, parse_from, wire_time

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.builds(datetime.fromtimestamp, st.integers(-2 * 10**9, 7 * 10**9), tz=zones)


@given(moments)
def test_a_time_that_is_shown_finds_its_moment(moment: datetime) -> None:
    shown = wire_time(moment)
    assert len(shown) == len("2025-10-06T17:33:31")
    assert parse_from("date_from", shown) <= moment < parse_before("date_to", shown)


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)))
def test_a_bare_date_is_its_whole_day(day: object) -> None:
    assert parse_before("date_to", str(day)) - parse_from("date_from", str(day)) == timedelta(days=1)


@given(st.text(alphabet=st.characters(exclude_categories=["Nd"]), max_size=40))
def test_what_has_no_digits_is_refused(text: str) -> None:
    for parse in (parse_from, parse_before):
        with pytest.raises(InvalidField) as refused:
            parse("date_from", text)
        assert refused.value.details["field"] == "date_from"


def test_a_zone_is_honoured() -> None:
    assert parse_from("date_from", "2025-10-01T01:00:00+02:00") == datetime(
        2025, 9, 30, 23, tzinfo=timezone.utc
    )
    assert parse_from("date_from", "2025-10-01").tzinfo is timezone.utc


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59"])
def test_the_last_day_of_all_is_a_day_too(text: str) -> None:
    assert parse_before("date_to", text) == datetime.max.replace(tzinfo=timezone.utc)
