"""Secrets and signatures of webhook deliveries.

Two schemes side by side: the published `X-VocaFuse-Signature`, over the body alone, and the
Standard Webhooks headers (https://www.standardwebhooks.com), which also cover the id and the time
and so can't be replayed.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

_PREFIX = "whsec_"


def new_secret() -> str:
    """A fresh secret: `whsec_` and 256 random bits in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def body_signature(secret: str, body: bytes) -> str:
    """`sha256=` and the hex HMAC-SHA256 of the body, keyed by the secret's text."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, body: bytes, *, message_id: str, timestamp: int) -> str:
    """`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`, keyed by the secret's decoded bytes."""
    message = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key_bytes(secret), message, hashlib.sha256)).decode()


def delivery_headers(
    signing_secrets: Sequence[str], body: bytes, *, delivery_id: str, event: str, now: datetime
) -> dict[str, str]:
    """All headers of one attempt at a delivery; the id is the same for every attempt.

    Args:
        signing_secrets: The endpoint's secret, and those it replaced that still sign. The published
            header has room for one signature; the other one carries all.
    """
    timestamp = int(now.timestamp())
    signatures = (
        standard_signature(secret, body, message_id=delivery_id, timestamp=timestamp)
        for secret in signing_secrets
    )
    return {
        "Content-Type": "application/json",
        "User-Agent": "VocaFuse-Webhooks/1",
        "X-VocaFuse-Signature": body_signature(signing_secrets[0], body),
        "X-VocaFuse-Delivery-ID": delivery_id,
        "X-VocaFuse-Event": event,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _key_bytes(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        decoded = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        decoded = b""
    # One given by the customer may only look like one of ours.
    return decoded or secret.encode()
