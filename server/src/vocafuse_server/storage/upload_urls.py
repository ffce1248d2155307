"""Signed upload URLs: the right to put the bytes of one note, for a while.

The signature covers the note's id and the expiry, with a key derived from one of the server's signing
keys for this one purpose.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import urlencode

from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.keys import Key, KeyRing


class UrlCheck(Enum):
    VALID = auto()
    EXPIRED = auto()
    FORGED = auto()


class UploadUrlSigner:
    """Makes and checks the query part of upload URLs."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def query(self, note_id: NoteId, *, now: datetime, lifetime: timedelta) -> str:
        """The query part of a URL that is good for `lifetime` from `now`."""
        expires = int((now + lifetime).timestamp())
        signature = _signature(self._ring.good_keys()[0], note_id, expires)
        return urlencode({"expires": expires, "signature": signature})

    def check(self, note_id: NoteId, *, expires: str, signature: str, now: datetime) -> UrlCheck:
        """Whether the query part of a URL is ours and still good."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return UrlCheck.FORGED
        given = signature.encode("utf-8", "surrogatepass")
        expected = [_signature(key, note_id, int(expires)).encode() for key in self._ring.good_keys()]
        if not any(hmac.compare_digest(one, given) for one in expected):
            return UrlCheck.FORGED
        return UrlCheck.VALID if now.timestamp() < int(expires) else UrlCheck.EXPIRED


def _signature(key: Key, note_id: NoteId, expires: int) -> str:
    purpose_key = hmac.digest(key.secret, b"upload-urls", hashlib.sha256)
    return hmac.digest(purpose_key, f"{note_id}:{expires}".encode(), hashlib.sha256).hex()
