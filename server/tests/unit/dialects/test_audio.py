"""Which part of a file a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.dialects.v1.audio import ByteRange, RangeNotSatisfiable, parse_range

DATA = bytes(range(100))


@given(first=st.none() | st.integers(0, 200), last=st.none() | st.integers(0, 200))
def test_it_is_the_part_that_the_standard_says(first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        expected = DATA[-last:] if last else b""
    else:
        expected = DATA[first:] if last is None else DATA[first : last + 1]
    try:
        part = parse_range(header, len(DATA))
    except RangeNotSatisfiable:
        assert expected == b""
        return
    if part is None:  # not a range at all: the whole file is sent
        assert header == "bytes=-" or (first is not None and last is not None and last < first)
    else:
        assert DATA[part.start : part.end] == expected


@pytest.mark.parametrize("header", [None, "", "bytes", "bytes=a-b", "bytes=1-2,4-5", "items=1-2"])
def test_anything_else_is_the_whole_file(header: str | None) -> None:
    assert parse_range(header, 100) is None


def test_a_part_ends_with_the_file() -> None:
    assert parse_range("bytes=90-1000", 100) == ByteRange(90, 100)
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)
