"""Identifiers."""

from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.core.ids import new_uuid, parse_uuid


def test_they_sort_by_the_time_they_were_made() -> None:
    made = [new_uuid() for _ in range(1000)]
    assert made == sorted(made)
    assert {one.version for one in made} == {7}


@given(st.uuids())
def test_a_written_one_is_read_back(value: object) -> None:
    assert parse_uuid(str(value)) == value


@given(st.text())
def test_anything_else_is_none(text: str) -> None:
    found = parse_uuid(text)
    assert found is None or str(found) == text.lower()
