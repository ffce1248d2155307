"""Key pairs: making them, and checking a secret against the digest that is kept of it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An API key and its secret, in the clear: shown once, never stored."""

    api_key: str
    api_secret: str = field(repr=False)


def new_key_pair() -> KeyPair:
    """A fresh pair: 144 random bits in the key, 384 in the secret."""
    return KeyPair(f"sk_live_{secrets.token_urlsafe(18)}", secrets.token_urlsafe(48))


def secret_digest(api_secret: str) -> bytes:
    """SHA-256 of a secret, or of whatever else stands for a caller.

    A fast hash is enough: these have hundreds of random bits, so there is nothing to guess.
    """
    return hashlib.sha256(api_secret.encode("utf-8", "surrogatepass")).digest()


def secret_matches(api_secret: str, digest: bytes) -> bool:
    """Whether the secret is the one the digest was made of, in constant time."""
    return hmac.compare_digest(secret_digest(api_secret), digest)
