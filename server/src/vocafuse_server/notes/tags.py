"""Custom tags: a few short strings that the customer's app attaches to a note."""

import re
from collections.abc import Mapping

from vocafuse_server.core.compact_json import compact_size
from vocafuse_server.core.errors import InvalidField

MAX_TAGS = 10
MAX_VALUE_LENGTH = 128
MAX_SERIALIZED_BYTES = 1024
_KEY = re.compile(r"[A-Za-z0-9_-]{1,32}")
# C0 and C1 control characters and DEL; lone surrogates can't be stored as text either.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_custom_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """The tags, if they keep to the published limits.

    Lengths of values count code points, the whole counts UTF-8 bytes of compact JSON.

    Raises:
        InvalidField: They don't; names the key that is at fault.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidField("custom_tags", f"must have at most {MAX_TAGS} keys")
    checked: dict[str, str] = {}
    for key, value in tags.items():
        if not _KEY.fullmatch(key):
            raise InvalidField("custom_tags", "has a key that is not 1 to 32 of A-Z a-z 0-9 _ -", value=key)
        checked[key] = _check_value(f"custom_tags.{key}", value)
    if compact_size(checked) > MAX_SERIALIZED_BYTES:
        raise InvalidField("custom_tags", f"must be at most {MAX_SERIALIZED_BYTES} bytes as compact JSON")
    return checked


def check_wanted_tags(tags: Mapping[str, str], *, prefix: str) -> dict[str, str]:
    """The tags that a list is narrowed to, if a note could have them.

    Args:
        prefix: What stands before the keys where the client wrote them.

    Raises:
        InvalidField: None could; names the one that is at fault.
    """
    if len(tags) > MAX_TAGS:
        raise InvalidField(f"{prefix}*", f"must be given at most {MAX_TAGS} times, as no note has more tags")
    for key in tags:
        if not _KEY.fullmatch(key):
            reason = f"must be {prefix!r} and 1 to 32 of A-Z a-z 0-9 _ -"
            raise InvalidField(f"{prefix}*", reason, value=f"{prefix}{key}")
    return {key: _check_value(f"{prefix}{key}", value) for key, value in tags.items()}


def _check_value(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidField(field, "must be a string", value=value)
    if len(value) > MAX_VALUE_LENGTH:
        raise InvalidField(field, f"must have at most {MAX_VALUE_LENGTH} characters", value=value)
    if _FORBIDDEN.search(value):
        raise InvalidField(field, "must not hold control characters")
    return value
