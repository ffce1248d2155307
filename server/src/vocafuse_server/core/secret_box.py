"""Secrets that the server itself has to read again are kept sealed: who gets hold of the database alone, of
a dump or of a disk of it, can't read them."""

import base64
import binascii
import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from vocafuse_server.core.keys import Key, KeyRing

_VERSION = "v1"
_NONCE_BYTES = 12
UNSEALED = "plain:"
"""What texts begin with that were stored before there was a key."""


class SecretUnreadable(Exception):
    """A sealed text whose key isn't here, or that was sealed for something else."""


class SecretBox:
    """Seals texts with AES-256-GCM, and opens them: `v1:<key id>:<base64 of nonce and ciphertext>`.

    Each text is sealed for one place, with a key of its own for that place: copied to another row, it
    can't be opened there, and no key ever seals so much that random nonces could meet.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def seal(self, text: str, *, place: str) -> str:
        """The sealed text, different each time."""
        key, nonce = self._ring.good_keys()[0], os.urandom(_NONCE_BYTES)
        sealed = nonce + _cipher(key, place).encrypt(nonce, text.encode("utf-8", "surrogatepass"), None)
        return f"{_VERSION}:{key.id}:{base64.b64encode(sealed).decode()}"

    def open(self, sealed: str, *, place: str) -> str:
        """The text that was sealed for this place.

        Raises:
            SecretUnreadable: It wasn't, or with a key that isn't here.
        """
        if sealed.startswith(UNSEALED):
            return sealed.removeprefix(UNSEALED)
        key_id, _, content = sealed.removeprefix(f"{_VERSION}:").partition(":")
        for key in self._ring.good_keys():
            if key.id == key_id:
                return _opened(key, content, place)
        raise SecretUnreadable(f"the key {key_id} isn't here")

    def is_current(self, sealed: str) -> bool:
        """Whether it is sealed with the key that is used for new ones."""
        return sealed.startswith(self.current_prefix)

    @property
    def current_prefix(self) -> str:
        """What all texts begin with that are sealed with the key for new ones."""
        return f"{_VERSION}:{self._ring.good_keys()[0].id}:"


def _cipher(key: Key, place: str) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, f"sealed:{place}".encode(), hashlib.sha256))


def _opened(key: Key, content: str, place: str) -> str:
    try:
        sealed = base64.b64decode(content, validate=True)
        opened = _cipher(key, place).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise SecretUnreadable("it was changed, or sealed for something else") from error
    return opened.decode("utf-8", "surrogatepass")
