"""Deliveries as the service makes them: the payload of an event, and the headers that sign it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vocafuse._cli.languages import CODES

if TYPE_CHECKING:
    from vocafuse._models import Event, Transcription, VoiceNote

_PREFIX = "whsec_"
_VERBS = ("created", "transcribed", "failed", "deleted")
ALL_EVENTS = [f"voicenote.{verb}" for verb in _VERBS]
_ALIASES = {**{verb: verb for verb in _VERBS}, "completed": "transcribed"}
_NOUNS = ("voicenote", "recording")
EVENT_NAMES = {f"{noun}.{alias}": f"voicenote.{verb}" for noun in _NOUNS for alias, verb in _ALIASES.items()}
"""Every spelling of an event, and what the stream calls it."""


@dataclass(frozen=True)
class Delivery:
    """What is sent to a receiver."""

    event: str
    body: bytes
    headers: Mapping[str, str]


def new_delivery(
    name: str,
    event: Event,
    note: VoiceNote | None,
    transcription: Transcription | None,
    *,
    secret: str,
    now_s: int,
) -> Delivery:
    """An event as a receiver that subscribed to `name` gets it.

    Args:
        name: One of `EVENT_NAMES`; its spelling decides what the payload looks like.
        note: As it was when it was last seen; None if it never was.
        now_s: Epoch seconds of this attempt.
    """
    happened_s = now_s if event.created_at is None else int(event.created_at.timestamp())
    payload = {"event": name, "timestamp": happened_s, **_content(name, event, note, transcription)}
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    # The same for an event that is told twice, as for each attempt at one delivery.
    delivery_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{event.id}/{event.voicenote_id}/{name}"))
    return Delivery(name, body, _headers(secret, body, delivery_id=delivery_id, event=name, now_s=now_s))


def session_secret(api_secret: str) -> str:
    """A secret that is always the same for a key pair, and says nothing about it."""
    digest = hmac.digest(api_secret.encode(), b"vocafuse listen", hashlib.sha256)
    return _PREFIX + base64.b64encode(digest).decode()


def _content(
    name: str, event: Event, note: VoiceNote | None, transcription: Transcription | None
) -> dict[str, Any]:
    noun, kind = name.partition(".")[0], EVENT_NAMES[name].partition(".")[2]
    body: dict[str, Any] = {
        "id": event.voicenote_id,
        "identity": None if note is None else note.user_id,
        "status": _status(kind, note),
        "duration": None if note is None or kind == "created" else note.duration_seconds,
        "created_at": None if note is None else _epoch(note.created_at),
        "completed_at": None if note is None or kind == "created" else _epoch(note.processed_at),
        "custom_tags": None if note is None else note.custom_tags,
        "uri": f"/v1/{noun}s/{event.voicenote_id}",
    }
    if transcription is not None:
        language = transcription.language or ""
        body["transcription"] = {
            "text": transcription.text,
            "confidence": transcription.confidence,
            "language": CODES.get(language, transcription.language),
        }
    content = {noun: body}
    if kind == "failed":
        message = None if note is None or note.failure is None else note.failure.message
        content["error"] = {"code": "TRANSCRIPTION_FAILED", "message": message}
    return content


def _status(kind: str, note: VoiceNote | None) -> str | None:
    """The note's at that moment, which may have passed."""
    known = {"created": "processing", "transcribed": "completed", "failed": "failed"}.get(kind)
    if known is not None or note is None:
        return known
    return "completed" if note.status == "transcribed" else note.status


def _epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _headers(secret: str, body: bytes, *, delivery_id: str, event: str, now_s: int) -> dict[str, str]:
    signed = f"{delivery_id}.{now_s}.".encode() + body
    standard = base64.b64encode(hmac.digest(_key_bytes(secret), signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "VocaFuse-Webhooks/1",
        "X-VocaFuse-Signature": "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex(),
        "X-VocaFuse-Delivery-ID": delivery_id,
        "X-VocaFuse-Event": event,
        "webhook-id": delivery_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": f"v1,{standard}",
    }


def _key_bytes(secret: str) -> bytes:
    """The decoded bytes after `whsec_`; all of a secret that only looks like one of the service's."""
    try:
        decoded = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        decoded = b""
    return decoded if secret.startswith(_PREFIX) and decoded else secret.encode()
