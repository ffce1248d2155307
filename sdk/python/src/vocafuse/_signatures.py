"""Telling webhooks that the service sent from those it did not."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING

from vocafuse._errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNATURE_PREFIX = b"sha256="
TIMESTAMP_TOLERANCE_S = 300


class RequestValidator:
    """Checks the `X-VocaFuse-Signature` header of webhooks."""

    def __init__(self, secret: str, *, _now: Callable[[], float] = time.time) -> None:
        """Keeps the secret that the webhook was created with.

        Raises:
            ValidationError: The secret is empty, with which anybody could sign.
        """
        if not secret:
            raise ValidationError("The webhook secret is empty.")
        self._secret = secret.encode()
        self._now = _now

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def validate(
        self,
        payload: object,
        signature: object,
        timestamp: object = None,
        delivery_id: object = None,
    ) -> bool:
        """Whether the service signed this payload: never an exception, whatever is passed.

        Args:
            payload: The body exactly as it was received, as text or bytes.
            signature: The header's value, with or without `sha256=`.
            timestamp: Epoch seconds. When given, a moment more than five minutes from now is
                refused as well. The signature covers the body alone, so take it from there
                (`timestamp` in the payload), and only where late retries may be dropped.
            delivery_id: Accepted for older callers and not used: to process a delivery once,
                remember the ids that you have seen.
        """
        body, given = _as_bytes(payload), _as_bytes(signature)
        if body is None or given is None:
            return False
        expected = hmac.new(self._secret, body, hashlib.sha256).hexdigest().encode()
        genuine = hmac.compare_digest(expected, given.removeprefix(SIGNATURE_PREFIX))
        return genuine and (timestamp is None or self._is_recent(timestamp))

    def _is_recent(self, timestamp: object) -> bool:
        if not isinstance(timestamp, (str, int, float)):
            return False
        try:
            return abs(self._now() - float(timestamp)) <= TIMESTAMP_TOLERANCE_S
        except (ValueError, OverflowError):
            return False


def _as_bytes(value: object) -> bytes | None:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if not isinstance(value, str):
        return None
    try:
        return value.encode()
    except UnicodeEncodeError:
        return None
