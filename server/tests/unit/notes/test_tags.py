"""Custom tags: the published limits."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.notes.tags import check_custom_tags

keys = st.text(alphabet=string.ascii_letters + string.digits + "_-", min_size=1, max_size=32)
values = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=128)


@given(st.dictionaries(keys, values, max_size=10))
def test_tags_within_the_limits_are_kept_and_larger_ones_refused(tags: dict[str, str]) -> None:
    size = len(json.dumps(tags, ensure_ascii=False, separators=(",", ":")).encode())
    if size <= 1024:
        assert check_custom_tags(tags) == tags
    else:
        with pytest.raises(InvalidField, match="1024 bytes"):
            check_custom_tags(tags)


@pytest.mark.parametrize(
    ("tags", "named"),
    [
        ({f"k{i}": "" for i in range(11)}, "custom_tags"),
        ({"": "x"}, "custom_tags"),
        ({"k" * 33: "x"}, "custom_tags"),
        ({"a b": "x"}, "custom_tags"),
        ({"ключ": "x"}, "custom_tags"),
        ({"a\n": "x"}, "custom_tags"),
        ({"k": 5}, "custom_tags.k"),
        ({"k": None}, "custom_tags.k"),
        ({"k": ["x"]}, "custom_tags.k"),
        ({"k": "x" * 129}, "custom_tags.k"),
        ({"k": "a\x00b"}, "custom_tags.k"),
        ({"k": "a\x7fb"}, "custom_tags.k"),
        ({"k": "\ud800"}, "custom_tags.k"),
    ],
)
def test_a_breach_names_the_key(tags: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidField) as refused:
        check_custom_tags(tags)
    assert refused.value.details["field"] == named


def test_lengths_count_code_points_and_the_whole_counts_bytes() -> None:
    assert check_custom_tags({"k": "🎙" * 128}) == {"k": "🎙" * 128}
    with pytest.raises(InvalidField, match="1024 bytes"):
        check_custom_tags({"a": "🎙" * 128, "b": "🎙" * 128})
