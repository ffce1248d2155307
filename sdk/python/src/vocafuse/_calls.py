"""Building calls: pure descriptions of requests, which the shells send."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from vocafuse._errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vocafuse._audio import AudioSource

_REPEATABLE_METHODS = frozenset({"GET", "PUT", "DELETE"})
FilterValue = str | int | date | None


@dataclass(frozen=True)
class Call:
    """One logical call, which may be sent more than once.

    Attributes:
        path: Below the base URL.
        query: Pairs for the query string.
        body: Sent as JSON.
        idempotency_key: Lets the server recognise a repeated call.
        harmless: Repeating does no harm, although the method alone does not say so.
        done_status: The status that, on a repeated call, means an earlier try got through.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    harmless: bool = False
    done_status: int | None = None

    @property
    def repeatable(self) -> bool:
        return self.method in _REPEATABLE_METHODS or self.idempotency_key is not None or self.harmless


@dataclass(frozen=True)
class SignedPut:
    """Sending the audio to the URL that the service signed for it, which needs no credentials.

    The whole URL is a secret until it expires, so it stays out of the repr.
    """

    url: str = field(repr=False)
    audio: AudioSource = field(repr=False)
    method: str = "PUT"
    repeatable: bool = True
    done_status: int | None = 409

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def list_call(collection: str, filters: Mapping[str, FilterValue]) -> Call:
    """One page of a collection; filters that are None are left out."""
    query = tuple((name, _query_text(value)) for name, value in filters.items() if value is not None)
    return Call("GET", f"/{collection}", query)


def next_page_call(collection: str, next_page_uri: str) -> Call:
    """The following page.

    Only the query is taken from the server's URI: it may name another prefix than the base URL
    behind a proxy, and credentials must never follow it to another host.
    """
    return Call(
        "GET", f"/{collection}", tuple(parse_qsl(urlsplit(next_page_uri).query, keep_blank_values=True))
    )


def get_call(collection: str, item_id: str, *below: str) -> Call:
    """One item, or one of its subresources."""
    return Call("GET", "/".join((_item_path(collection, item_id), *below)))


def delete_call(collection: str, item_id: str) -> Call:
    """Deleting one item; gone is what was asked for, so a repeated call may find nothing."""
    return Call("DELETE", _item_path(collection, item_id), done_status=404)


def upload_call(
    audio: AudioSource,
    *,
    custom_tags: Mapping[str, str] | None,
    user_id: str | None,
    language: str | None,
) -> Call:
    """Announcing an upload. Each call of this function is a new logical upload."""
    body: dict[str, Any] = {"file_name": audio.name, "file_size": audio.size_bytes}
    tags = dict(custom_tags) if custom_tags is not None else None
    optional = {"custom_tags": tags, "user_id": user_id, "language": language}
    body.update({name: value for name, value in optional.items() if value is not None})
    return Call("POST", "/upload", body=body, idempotency_key=uuid.uuid4().hex)


def transcribe_call(collection: str, note_id: str, language: str | None) -> Call:
    """Asking for another transcription. Each call of this function is a new logical request."""
    return Call(
        "POST",
        f"{_item_path(collection, note_id)}/transcribe",
        body={} if language is None else {"language": language},
        idempotency_key=uuid.uuid4().hex,
    )


def create_webhook_call(url: str, events: Sequence[str], secret: str | None) -> Call:
    """Subscribing a URL. Each call of this function is a new logical subscription."""
    body: dict[str, Any] = {"url": url, "events": list(events)}
    if secret is not None:
        body["secret"] = secret
    return Call("POST", "/webhooks", body=body, idempotency_key=uuid.uuid4().hex)


def token_call(identity: str, expires_in: int, scopes: Sequence[str] | None) -> Call:
    """Asking for an access token; an unused second one does no harm."""
    body: dict[str, Any] = {"user_id": identity, "expires_in": expires_in}
    if scopes is not None:
        body["scopes"] = list(scopes)
    return Call("POST", "/token", body=body, harmless=True)


def _item_path(collection: str, item_id: str) -> str:
    # "" would name the collection, and "." or ".." are resolved away from URLs.
    if item_id in {"", ".", ".."}:
        raise ValidationError(f"{item_id!r} is not an id.")
    return f"/{collection}/{quote(item_id, safe='')}"


def _query_text(value: str | int | date) -> str:
    if isinstance(value, datetime):
        # The wire's times are UTC without a zone.
        if value.tzinfo is not None:
            value = value.astimezone(timezone.utc).replace(tzinfo=None)
        return value.isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)
