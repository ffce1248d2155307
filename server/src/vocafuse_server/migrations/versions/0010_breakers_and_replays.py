"""Receivers that don't answer are left alone for a while; failed deliveries are found by when they failed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | Sequence[str] | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "webhooks", sa.Column("unanswered", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    for name in ("unanswered_at", "rests_until", "probed_until"):
        op.add_column("webhooks", sa.Column(name, sa.DateTime(timezone=True)))
    op.add_column("webhook_deliveries", sa.Column("waiting_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_webhook_deliveries_failed",
        "webhook_deliveries",
        ["webhook_id", "updated_at", "id"],
        postgresql_where=sa.text("status = 'failed'"),
    )
    op.create_index(
        "ix_webhook_deliveries_note_deleted",
        "webhook_deliveries",
        ["id"],
        postgresql_where=sa.text("note_deleted"),
    )


def downgrade() -> None:
    op.drop_index("ix_webhook_deliveries_note_deleted", "webhook_deliveries")
    op.drop_index("ix_webhook_deliveries_failed", "webhook_deliveries")
    op.drop_column("webhook_deliveries", "waiting_since")
    for name in ("probed_until", "rests_until", "unanswered_at", "unanswered"):
        op.drop_column("webhooks", name)
