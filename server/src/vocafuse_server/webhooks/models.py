"""Tables of webhooks."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vocafuse_server.accounts.models import Tenant
from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import DeliveryId, NoteId, TenantId, WebhookId


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
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey(Tenant.id, ondelete="CASCADE"))
    url: Mapped[str]
    events: Mapped[list[str]]
    secret: Mapped[str]
    """Sealed; see `webhooks/sealing.py`."""
    old_secrets: Mapped[list[JsonObject]] = mapped_column(server_default=text("'[]'::json"))
    """Each `secret` that was replaced, sealed, newest first, and `until` when it signs, in epoch seconds."""
    status: Mapped[WebhookStatus]
    failing_since: Mapped[datetime | None]
    """When the first of the attempts failed that have all failed until now."""
    unanswered: Mapped[int] = mapped_column(server_default=text("0"))
    """Attempts without an answer since the last answer; while its breaker is open, probes only."""
    unanswered_at: Mapped[datetime | None]
    """When the latest of those attempts was begun."""
    rests_until: Mapped[datetime | None]
    """Set while the breaker is open: no call before then, and then one to see whether it answers again."""
    probed_until: Mapped[datetime | None]
    """Until when that one call, if it is being made, may take."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Delivery(Base):
    """One event on its way to one endpoint. The payload is kept as the very text that is signed."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        # Ids sort by time, so this serves "newest first" as well.
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_note_id", "note_id", postgresql_where=text("note_id IS NOT NULL")),
        Index("ix_webhook_deliveries_due", "next_attempt_at", postgresql_where=text("status = 'pending'")),
        Index("ix_webhook_deliveries_ended", "updated_at", postgresql_where=text("status <> 'pending'")),
        Index(
            "ix_webhook_deliveries_failed",
            *("webhook_id", "updated_at", "id"),
            postgresql_where=text("status = 'failed'"),
        ),
        Index("ix_webhook_deliveries_note_deleted", "id", postgresql_where=text("note_deleted")),
    )

    id: Mapped[DeliveryId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey(Tenant.id, ondelete="CASCADE"))
    webhook_id: Mapped[WebhookId] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    note_id: Mapped[NoteId | None]
    """The note that the event is about; it may be gone."""
    event: Mapped[str]
    payload: Mapped[str]
    status: Mapped[DeliveryStatus]
    attempts: Mapped[int]
    attempts_before: Mapped[int] = mapped_column(server_default=text("0"))
    """How many there were when it was last asked for again: the schedule begins anew there."""
    next_attempt_at: Mapped[datetime | None]
    waiting_since: Mapped[datetime | None]
    """When the next attempt was put off because the receiver rests; None if it wasn't."""
    note_deleted: Mapped[bool] = mapped_column(server_default=text("false"))
    """Set while it is pending: once it has ended it goes too, since its payload holds the note's words."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    log: Mapped[list["DeliveryAttempt"]] = relationship(
        order_by="DeliveryAttempt.number", lazy="raise", viewonly=True
    )


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
    response: Mapped[str | None]
    """The beginning of what was answered."""
    duration_ms: Mapped[int]
    created_at: Mapped[datetime]
