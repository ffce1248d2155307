"""Tables of accounts."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base, JsonObject
from vocafuse_server.core.ids import ApiKeyId, TenantId


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class TenantStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class KeyStatus(StrEnum):
    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"
    """Never stored: it follows from the time; see `ApiKey.status_at`."""


class Tenant(Base):
    """An account: everything else belongs to one."""

    __tablename__ = "tenants"
    __table_args__ = (
        Index("uq_tenants_default", "is_default", unique=True, postgresql_where=text("is_default")),
    )

    id: Mapped[TenantId] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str | None]
    plan: Mapped[Plan]
    status: Mapped[str] = mapped_column(server_default=text("'active'"))
    """A `TenantStatus`."""
    is_default: Mapped[bool] = mapped_column(server_default=text("false"))
    """The tenant made at the first start of a server; at most one is."""
    settings: Mapped[JsonObject] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApiKey(Base):
    """A key pair of a tenant. Of the secret only a digest is kept."""

    __tablename__ = "api_keys"

    id: Mapped[ApiKeyId] = mapped_column(primary_key=True)
    tenant_id: Mapped[TenantId] = mapped_column(ForeignKey("tenants.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    api_key: Mapped[str] = mapped_column(unique=True)
    secret_digest: Mapped[bytes]
    scopes: Mapped[list[str]]
    status: Mapped[KeyStatus]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    usage_count: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """How many requests it authenticated; some seconds late, as `last_used_at` is."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def status_at(self, now: datetime) -> KeyStatus:
        """What the key is at that time."""
        if self.status is KeyStatus.ACTIVE and self.expires_at is not None and self.expires_at <= now:
            return KeyStatus.EXPIRED
        return self.status


class ConsoleSession(Base):
    """Somebody is signed in to the console, with a key that may be revoked at any time."""

    __tablename__ = "console_sessions"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    key_id: Mapped[ApiKeyId] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    signed_in_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class SignInLink(Base):
    """A link that signs in to the console, and is deleted when it does."""

    __tablename__ = "sign_in_links"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    key_id: Mapped[ApiKeyId] = mapped_column(ForeignKey("api_keys.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


class DailyUsage(Base):
    """What a tenant's notes of one day took; deleting a note takes nothing off it.

    A note belongs to the day it was created in. It is counted in the transaction that takes its
    audio in, and its duration in the one that records its text.
    """

    __tablename__ = "daily_usage"

    tenant_id: Mapped[TenantId] = mapped_column(
        ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    """UTC."""
    notes_count: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
