"""Building calls: pure descriptions of requests, which the shells send."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, quote, urlsplit

from vocafuse._errors import ValidationError
from vocafuse._forms import AudioForm

if TYPE_CHECKING:
    from vocafuse._audio import AudioSource

API_KEYS = "account/api-keys"
V2_NOTES = "/voice-notes"
_REPEATABLE_METHODS = frozenset({"GET", "PUT", "DELETE"})
FilterValue = str | int | date | None


@dataclass(frozen=True)
class Call:
    """One logical call, which may be sent more than once.

    Attributes:
        path: Below the base URL.
        query: Pairs for the query string.
        body: Sent as JSON.
        form: Sent in place of JSON.
        idempotency_key: Lets the server recognise a repeated call.
        harmless: Repeating does no harm, although the method alone does not say so.
        done_status: The status that, on a repeated call, means an earlier try got through.
        last_event_id: A stream goes on after this event.
        v2: It belongs to the service's second API, which is beside the first.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    form: AudioForm | None = field(default=None, repr=False)
    idempotency_key: str | None = None
    harmless: bool = False
    done_status: int | None = None
    last_event_id: str | None = None
    v2: bool = False

    @property
    def repeatable(self) -> bool:
        return self.method in _REPEATABLE_METHODS or self.idempotency_key is not None or self.harmless


@dataclass(frozen=True)
class SignedPut:
    """Sending the audio to the URL that the service signed for it, which needs no credentials.

    The whole URL is a secret until it expires, so it stays out of the repr.

    Attributes:
        done_status: A conflict on a repeated call means that the bytes have arrived.
        may_be_done: They may have arrived already when this is sent first.
    """

    url: str = field(repr=False)
    audio: AudioSource = field(repr=False)
    method: str = "PUT"
    repeatable: bool = True
    done_status: int | None = 409
    may_be_done: bool = False

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


def list_call(collection: str, filters: Mapping[str, FilterValue]) -> Call:
    """One page of a collection; filters that are None are left out."""
    return Call("GET", f"/{collection}", _pairs(filters))


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


def transcript_call(collection: str, note_id: str, form: str) -> Call:
    """The text of a note in another form than JSON."""
    return Call("GET", f"{_item_path(collection, note_id)}/transcription", (("format", form),))


def note_filters(
    status: str | None,
    date_from: str | date | None,
    date_to: str | date | None,
    q: str | None,
    sort: str | None,
    custom_tags: Mapping[str, str] | None,
    user_id: str | None,
) -> dict[str, FilterValue]:
    """What narrows a list of notes, as its query string calls it."""
    tags = {f"tag.{key}": value for key, value in (custom_tags or {}).items()}
    dates = {"date_from": date_from, "date_to": date_to}
    return {"status": status, **dates, "q": q, "sort": sort, "user_id": user_id, **tags}


def delete_call(collection: str, item_id: str, undo_seconds: int | None = None) -> Call:
    """Deleting one item; gone is what was asked for, so a repeated call may find nothing."""
    query = () if undo_seconds is None else (("undo_seconds", str(undo_seconds)),)
    return Call("DELETE", _item_path(collection, item_id), query, done_status=404)


def update_call(method: str, path: str, **changes: object) -> Call:
    """Changing what is given and nothing else. Done twice it comes to the same."""
    return Call(method, path, body=_given(changes), harmless=True)


def update_item_call(method: str, collection: str, item_id: str, **changes: object) -> Call:
    """The same for one item of a collection."""
    return update_call(method, _item_path(collection, item_id), **changes)


def upload_call(
    audio: AudioSource,
    *,
    custom_tags: Mapping[str, str] | None,
    user_id: str | None,
    language: str | None,
    idempotency_key: str | None,
) -> Call:
    """Announcing an upload. Without a key, each call of this function is a new logical upload."""
    body = {"file_name": audio.name, "file_size": audio.size_bytes}
    more = {"custom_tags": custom_tags, "user_id": user_id, "language": language}
    return Call(
        "POST", "/upload", body={**body, **_given(more)}, idempotency_key=idempotency_key or _new_key()
    )


def form_upload_call(
    collection: str,
    audio: AudioSource,
    *,
    custom_tags: Mapping[str, str] | None,
    user_id: str | None,
    language: str | None,
    idempotency_key: str | None,
) -> Call:
    """An upload in one request. Without a key, each call of this function is a new logical upload."""
    tags = None if custom_tags is None else json.dumps(dict(custom_tags))
    fields = {"custom_tags": tags, "user_id": user_id, "language": language}
    form = AudioForm(audio, {name: text for name, text in fields.items() if text is not None})
    return Call("POST", f"/{collection}", form=form, idempotency_key=idempotency_key or _new_key())


def create_from_url_call(
    url: str,
    *,
    title: str | None,
    tags: Sequence[str] | None,
    idempotency_key: str | None,
) -> Call:
    """Making a note of audio that the service fetches, which its second API does."""
    body = _given({"audioUrl": url, "title": title, "tags": tags})
    return Call("POST", V2_NOTES, body=body, idempotency_key=idempotency_key or _new_key(), v2=True)


def fetch_audio_call(note_id: str) -> Call:
    """Asking for the transcription of such a note: asked twice, the service does it once."""
    return Call("POST", f"{_item_path(V2_NOTES.strip('/'), note_id)}/transcribe", harmless=True, v2=True)


def transcribe_call(
    collection: str, note_id: str, language: str | None, idempotency_key: str | None = None
) -> Call:
    """Asking for another transcription. Without a key, each call of this function is a new request."""
    body = _given({"language": language})
    return post_call(
        _item_path(collection, note_id), "transcribe", body=body, idempotency_key=idempotency_key
    )


def restore_call(collection: str, note_id: str) -> Call:
    """Taking a deletion back; a note that is not deleted stays as it is."""
    return Call("POST", f"{_item_path(collection, note_id)}/restore", harmless=True)


def post_call(*path: str, body: Mapping[str, Any] | None = None, idempotency_key: str | None = None) -> Call:
    """Having something made that the service makes once for each key."""
    return Call("POST", "/".join(path), body=body, idempotency_key=idempotency_key or _new_key())


def webhook_call(webhook_id: str, *action: str, **body: object) -> Call:
    """Having something done with one webhook."""
    return post_call(_item_path("webhooks", webhook_id), *action, body=_given(body))


def redeliver_call(webhook_id: str, delivery_id: str) -> Call:
    """Sending a delivery again. Not repeated by itself: each time, the receiver gets it once more."""
    return Call("POST", f"{_item_path(deliveries_of(webhook_id), delivery_id)}/redeliver")


def redeliver_failed_call(webhook_id: str, since: date | str) -> Call:
    """Sending again what was given up. Not repeated by itself, for the same reason."""
    path = f"{_item_path('webhooks', webhook_id)}/redeliver"
    return Call("POST", path, body={"since": _query_text(since)})


def deliveries_of(webhook_id: str) -> str:
    """The collection of a webhook's deliveries."""
    return f"{_item_path('webhooks', webhook_id).strip('/')}/deliveries"


def create_webhook_call(
    url: str, events: Sequence[str], secret: str | None, idempotency_key: str | None = None
) -> Call:
    """Subscribing a URL. Without a key, each call of this function is a new subscription."""
    body = _given({"url": url, "events": list(events), "secret": secret})
    return post_call("/webhooks", body=body, idempotency_key=idempotency_key)


def create_key_call(name: str | None, scopes: Sequence[str] | None, expires_at: date | str | None) -> Call:
    """Making a key pair. Never repeated: what got lost on its way can't be shown again."""
    expiry = None if expires_at is None else _query_text(expires_at)
    return Call("POST", f"/{API_KEYS}", body=_given({"name": name, "scopes": scopes, "expires_at": expiry}))


def token_call(identity: str, expires_in: int, scopes: Sequence[str] | None) -> Call:
    """Asking for an access token; an unused second one does no harm."""
    body = {"user_id": identity, "expires_in": expires_in, **_given({"scopes": scopes})}
    return Call("POST", "/token", body=body, harmless=True)


def events_call(voicenote_id: str | None, last_event_id: str | None = None) -> Call:
    """The stream of what happens to notes, or to one, from now on or after an event."""
    query = _pairs({"voicenote_id": voicenote_id})
    return Call("GET", "/events", query, last_event_id=last_event_id)


def _given(values: Mapping[str, object]) -> dict[str, Any]:
    """Those that are not None, as JSON takes them."""
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    return list(cast("Sequence[object]", value))


def _pairs(values: Mapping[str, FilterValue]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _query_text(value)) for name, value in values.items() if value is not None)


def _new_key() -> str:
    return uuid.uuid4().hex


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
