"""v1's bodies about webhooks."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from vocafuse_server.dialects.v1.fields import ShortText, wire_time
from vocafuse_server.dialects.v1.schemas import RequestBody
from vocafuse_server.webhooks.models import Webhook, WebhookStatus

Url = Annotated[str, Field(min_length=1)]


class WebhookRequest(RequestBody):
    url: Url
    events: list[str]
    secret: ShortText | None = None


class WebhookUpdate(RequestBody):
    """What is left out stays as it is."""

    url: Url | None = None
    events: list[str] | None = None
    status: Annotated[WebhookStatus, Field(strict=False)] | None = None
    secret: ShortText | None = Field(
        default=None, description="Replaces the secret, as `rotate-secret` does. The answer doesn't show it."
    )


class SecretRequest(RequestBody):
    secret: ShortText | None = Field(default=None, description="The new secret. Default: a random one.")


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


def webhook_body(webhook: Webhook) -> dict[str, Any]:
    """A webhook on the wire, with the secret; `WebhookBody` leaves it out."""
    return {
        "id": str(webhook.id),
        "url": webhook.url,
        "events": webhook.events,
        "secret": webhook.secret,
        "status": webhook.status.value,
        "created_at": wire_time(webhook.created_at),
        "updated_at": wire_time(webhook.updated_at),
        "uri": f"/v1/webhooks/{webhook.id}",
    }
