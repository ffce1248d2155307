"""Signed upload URLs: the right to put the bytes of one note, for a while.

The signature covers the note's id and the expiry, with a key derived from the server's signing key
for this one purpose.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import urlencode

from vocafuse_server.core.ids import NoteId


class UrlCheck(Enum):
    VALID = auto()
    EXPIRED = auto()
    FORGED = auto()


class UploadUrlSigner:
    """Makes and checks the query part of upload URLs."""

    def __init__(self, signing_key: bytes) -> None:
        self._key = hmac.digest(signing_key, b"upload-urls", hashlib.sha256)

    def query(self, note_id: NoteId, *, now: datetime, lifetime: timedelta) -> str:
        """The query part of a URL that is good for `lifetime` from `now`."""
        expires = int((now + lifetime).timestamp())
        return urlencode({"expires": expires, "signature": self._signature(note_id, expires)})

    def check(self, note_id: NoteId, *, expires: str, signature: str, now: datetime) -> UrlCheck:
        """Whether the query part of a URL is ours and still good."""
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return UrlCheck.FORGED
        expected = self._signature(note_id, int(expires))
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            return UrlCheck.FORGED
        return UrlCheck.VALID if now.timestamp() < int(expires) else UrlCheck.EXPIRED

    def _signature(self, note_id: NoteId, expires: int) -> str:
        return hmac.new(self._key, f"{note_id}:{expires}".encode(), hashlib.sha256).hexdigest()
