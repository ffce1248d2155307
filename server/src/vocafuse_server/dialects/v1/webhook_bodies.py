"""v1's bodies about webhooks."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field

from vocafuse_server.dialects.fields import RequestBody, ShortText
from vocafuse_server.dialects.v1.fields import Moment, wire_time, wire_time_or_none
from vocafuse_server.dialects.v1.schemas import one_or_more
from vocafuse_server.webhooks.events import EVENT_NAMES
from vocafuse_server.webhooks.models import Delivery, Webhook, WebhookStatus
from vocafuse_server.webhooks.service import MAX_URL_LENGTH

Url = Annotated[
    str,
    Field(
        min_length=1,
        json_schema_extra={"format": "uri", "pattern": "^https?://", "maxLength": MAX_URL_LENGTH},
    ),
]
Events = Annotated[list[str], Field(json_schema_extra=one_or_more(EVENT_NAMES))]


class WebhookRequest(RequestBody):
    url: Url
    events: Events
    secret: ShortText | None = None


class WebhookUpdate(RequestBody):
    """What is left out stays as it is."""

    url: Url | None = None
    events: Events | None = None
    status: Annotated[WebhookStatus, Field(strict=False)] | None = None
    secret: ShortText | None = Field(
        default=None, description="Replaces the secret, as `rotate-secret` does. The answer doesn't show it."
    )


class SecretRequest(RequestBody):
    secret: ShortText | None = Field(default=None, description="The new secret. Default: a random one.")


class ReplayRequest(RequestBody):
    since: Moment = Field(description="What was given up from this date or moment on is sent again.")


class ReplayBody(BaseModel):
    """Which deliveries are sent again: those given up from `since` to `until`."""

    webhook_id: str
    since: str
    until: str
    deliveries_count: int


class WebhookBody(BaseModel):
    id: str
    url: str
    events: list[str]
    status: str
    created_at: str
    updated_at: str
    uri: str


class WebhookCreated(BaseModel):
    """The answers that show the secret: to its creation and to its replacement."""

    id: str
    url: str
    events: list[str]
    secret: str
    status: str
    created_at: str
    updated_at: str
    uri: str


class AttemptBody(BaseModel):
    number: int
    status_code: int | None = Field(description="None: there was no answer, and `error` says why.")
    error: str | None
    response: str | None = Field(description="The beginning of what was answered.")
    duration_ms: int
    created_at: str


class DeliveryBody(BaseModel):
    """One event on its way to one webhook."""

    id: str
    webhook_id: str
    event: str
    status: str
    attempt_count: int
    next_attempt_at: str | None
    created_at: str
    updated_at: str
    attempts: list[AttemptBody]
    uri: str


class DeliveryDetail(DeliveryBody):
    """A delivery by itself."""

    payload: dict[str, Any]


def webhook_body(webhook: Webhook) -> dict[str, Any]:
    """A webhook on the wire, without its secret."""
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": webhook.events,
        "status": webhook.status.value,
        "created_at": wire_time(webhook.created_at),
        "updated_at": wire_time(webhook.updated_at),
        "uri": f"/v1/webhooks/{webhook.id}",
    }


def webhook_created(webhook: Webhook, secret: str) -> WebhookCreated:
    """A webhook on the wire, with its secret."""
    return WebhookCreated(**webhook_body(webhook), secret=secret)


def delivery_body(delivery: Delivery) -> DeliveryBody:
    """A delivery as lists show it."""
    return DeliveryBody(**_delivery_fields(delivery))


def delivery_detail(delivery: Delivery) -> DeliveryDetail:
    """A delivery as it is shown by itself."""
    return DeliveryDetail(**_delivery_fields(delivery), payload=json.loads(delivery.payload))


def _delivery_fields(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": str(delivery.id),
        "webhook_id": str(delivery.webhook_id),
        "event": delivery.event,
        "status": delivery.status.value,
        "attempt_count": delivery.attempts,
        "next_attempt_at": wire_time_or_none(delivery.next_attempt_at),
        "created_at": wire_time(delivery.created_at),
        "updated_at": wire_time(delivery.updated_at),
        "attempts": [
            AttemptBody(
                number=attempt.number,
                status_code=attempt.status_code,
                error=attempt.error,
                response=attempt.response,
                duration_ms=attempt.duration_ms,
                created_at=wire_time(attempt.created_at),
            )
            for attempt in delivery.log
        ],
        "uri": f"/v1/webhooks/{delivery.webhook_id}/deliveries/{delivery.id}",
    }
