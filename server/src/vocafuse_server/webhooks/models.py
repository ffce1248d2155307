"""Tables of webhooks."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import DeliveryId, TenantId, WebhookId


class WebhookStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Webhook(Base):
    """An endpoint of a tenant that is told of events."""

    __tablename__ = "webhooks"
    __table_args__ = (UniqueConstraint("tenant_id", "url"),)

    id: Mapped[WebhookId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    url: Mapped[str]
    events: Mapped[list[str]]
    secret: Mapped[str]
    old_secrets: Mapped[list[JsonObject]] = mapped_column(server_default=text("'[]'::json"))
    """Each `secret` that was replaced, newest first, and `until` when it signs, in epoch seconds."""
    status: Mapped[WebhookStatus]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Delivery(Base):
    """One event on its way to one endpoint. The payload is kept as the very text that is signed."""

    __tablename__ = "webhook_deliveries"

    id: Mapped[DeliveryId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"))
    webhook_id: Mapped[WebhookId] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"), index=True)
    event: Mapped[str]
    payload: Mapped[str]
    status: Mapped[DeliveryStatus]
    attempts: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DeliveryAttempt(Base):
    """What came of one attempt at a delivery."""

    __tablename__ = "webhook_attempts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    delivery_id: Mapped[DeliveryId] = mapped_column(
        ForeignKey("webhook_deliveries.id", ondelete="CASCADE"), index=True
    )
    number: Mapped[int]
    status_code: Mapped[int | None]
    error: Mapped[str | None]
    duration_ms: Mapped[int]
    created_at: Mapped[datetime]
