"""Tables of idempotency keys."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from vocafuse_server.core.database import Base
from vocafuse_server.core.ids import TenantId

WHOLE_TENANT = ""
"""The identity of requests that came with a key pair; no user has an empty one."""


class IdempotencyKey(Base):
    """A request that has been answered, with its answer.

    The row is made by the transaction that does the work, so others see it with its answer or not at all.
    """

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[TenantId] = mapped_column(
        ForeignKey("tenants.id", ondelete="CASCADE"), primary_key=True
    )
    identity: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    answer: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
