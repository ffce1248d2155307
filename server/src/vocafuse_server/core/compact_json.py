"""Limits on JSON count its bytes when it is written compactly: without spaces, in UTF-8."""

import json


def compact_size(value: object) -> int:
    """Bytes that a value takes as compact JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
