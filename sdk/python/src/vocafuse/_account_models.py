"""Webhooks, keys and accounts, as the service returns them."""

from __future__ import annotations

import datetime as dt
from datetime import datetime
from typing import Any, ClassVar, Literal

from vocafuse._items import Converters, Item, item_or_none, items, parse_time

WebhookStatus = Literal["active", "disabled"]
DeliveryStatus = Literal["pending", "delivered", "failed"]
KeyStatus = Literal["active", "revoked", "expired"]


class Webhook(Item):
    """A subscription to events.

    Attributes:
        id: Names it in every call.
        url: Where the events are sent.
        events: Their names, such as `voicenote.transcribed`.
        secret: Signs the payloads. Only in the answers to `create` and `rotate_secret`; else None.
        status: `active`, or `disabled`: then it gets nothing.
        created_at: When it was made, an aware `datetime`.
        updated_at: When it changed last.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {"created_at": parse_time, "updated_at": parse_time}
    _shown = ("id", "url", "events", "status")

    id: str
    url: str
    events: list[str]
    secret: str | None
    status: WebhookStatus
    created_at: datetime
    updated_at: datetime
    uri: str


class Attempt(Item):
    """One try to hand a delivery over.

    Attributes:
        number: From 1.
        status_code: What the receiver answered; None if it did not.
        error: Why there was no answer, or None.
        response: The first 500 characters of the answer, or None.
        duration_ms: How long it took, in milliseconds.
        created_at: When it was made, an aware `datetime`.
    """

    _convert: ClassVar[Converters] = {"created_at": parse_time}
    _shown = ("number", "status_code", "error")

    number: int
    status_code: int | None
    error: str | None
    response: str | None
    duration_ms: int
    created_at: datetime


class Delivery(Item):
    """One event on its way to one webhook.

    Attributes:
        id: Also the header `X-VocaFuse-Delivery-ID` of every attempt.
        webhook_id: The webhook.
        event: The event's name.
        status: `pending`, `delivered` or `failed`.
        attempt_count: How many attempts were made.
        attempts: What came of each, the first one first.
        next_attempt_at: When the next one is due, an aware `datetime`, or None.
        payload: What is sent; None on deliveries in lists.
        created_at: When the event happened.
        updated_at: When it changed last.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "next_attempt_at": parse_time,
        "attempts": items(Attempt),
    }
    _shown = ("id", "event", "status")

    id: str
    webhook_id: str
    event: str
    status: DeliveryStatus
    attempt_count: int
    attempts: list[Attempt]
    next_attempt_at: datetime | None
    payload: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    uri: str


class Redelivery(Item):
    """Which deliveries are sent again: those given up from `since` to `until`.

    Attributes:
        webhook_id: The webhook.
        since: From when on, an aware `datetime`.
        until: Up to when.
        deliveries_count: How many they are.
    """

    _convert: ClassVar[Converters] = {"since": parse_time, "until": parse_time}
    _shown = ("webhook_id", "deliveries_count")

    webhook_id: str
    since: datetime
    until: datetime
    deliveries_count: int


class ApiKey(Item):
    """A key pair of the account. The secret is not in it, see `CreatedApiKey`.

    Attributes:
        id: Names it in every call.
        name: For people.
        key_prefix: The first 10 characters of the key.
        scopes: What it allows, such as `voicenotes:read`.
        status: `active`, `revoked` or `expired`.
        expires_at: When it ends, an aware `datetime`; None for never.
        last_used_at: When it was used last; None for never.
        usage_count: How many calls were made with it.
        created_at: When it was made.
        updated_at: When it changed last.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "expires_at": parse_time,
        "last_used_at": parse_time,
    }
    _shown = ("id", "name", "key_prefix", "status")

    id: str
    name: str
    key_prefix: str
    scopes: list[str]
    status: KeyStatus
    expires_at: datetime | None
    last_used_at: datetime | None
    usage_count: int
    created_at: datetime
    updated_at: datetime
    uri: str


class CreatedApiKey(Item):
    """A new key pair, with what is shown this once. Neither half is in the repr.

    Attributes:
        id: Names it in every call.
        name: For people.
        api_key: The key.
        api_secret: The secret that goes with it.
        key_prefix: The first 10 characters of the key.
        scopes: What it allows, such as `voicenotes:read`.
        status: `active`.
        expires_at: When it ends, an aware `datetime`; None for never.
        created_at: When it was made.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {"created_at": parse_time, "expires_at": parse_time}
    _shown = ("id", "name", "key_prefix", "status")

    id: str
    name: str
    api_key: str
    api_secret: str
    key_prefix: str
    scopes: list[str]
    status: KeyStatus
    expires_at: datetime | None
    created_at: datetime
    uri: str


class Usage(Item):
    """What was used in a span of time; deleted notes count, too.

    Attributes:
        recordings_count: How many notes were made.
        voicenotes_count: The same number under its newer name.
        total_duration_seconds: Length of their audio together.
        storage_used_bytes: Size of their audio together.
    """

    _shown = ("voicenotes_count", "total_duration_seconds")

    recordings_count: int
    voicenotes_count: int
    total_duration_seconds: float
    storage_used_bytes: int


class DayUsage(Usage):
    """What was used on one day (UTC).

    Attributes:
        date: The day, a `date`.
    """

    _convert: ClassVar[Converters] = {"date": dt.date.fromisoformat}
    _shown = ("date", "voicenotes_count")

    date: dt.date


class AccountUsage(Item):
    """What was used in this calendar month (UTC) and the last.

    Attributes:
        current_month: So far.
        previous_month: All of it.
    """

    _convert: ClassVar[Converters] = {
        "current_month": item_or_none(Usage),
        "previous_month": item_or_none(Usage),
    }
    _shown = ("current_month", "previous_month")

    current_month: Usage
    previous_month: Usage


class Account(Item):
    """The account of the key pair.

    Attributes:
        id: Its id.
        tenant_id: The same id under its older name.
        name: For people.
        email: Or None.
        status: Such as `active`.
        plan: `free`, `pro` or `enterprise`.
        settings: What you keep there.
        usage: What was used in this month and the last.
        created_at: When it was made, an aware `datetime`.
        updated_at: When it changed last.
        uri: Its path.
    """

    _convert: ClassVar[Converters] = {
        "created_at": parse_time,
        "updated_at": parse_time,
        "usage": item_or_none(AccountUsage),
    }
    _shown = ("id", "name", "plan")

    id: str
    tenant_id: str
    name: str
    email: str | None
    status: str
    plan: str
    settings: dict[str, Any]
    usage: AccountUsage
    created_at: datetime
    updated_at: datetime
    uri: str
