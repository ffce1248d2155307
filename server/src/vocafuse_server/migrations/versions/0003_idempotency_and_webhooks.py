"""Idempotency keys; webhooks whose secrets are replaced; the log of deliveries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | Sequence[str] | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.id"],
            name=op.f("fk_idempotency_keys_tenant_id_tenants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "identity", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_index(op.f("ix_idempotency_keys_created_at"), "idempotency_keys", ["created_at"], unique=False)
    op.add_column(
        "webhooks",
        sa.Column("old_secrets", sa.JSON(), server_default=sa.text("'[]'::json"), nullable=False),
    )
    op.add_column("webhooks", sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_deliveries", sa.Column("note_id", sa.Uuid(), nullable=True))
    op.add_column(
        "webhook_deliveries",
        sa.Column("attempts_before", sa.Integer(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "webhook_deliveries", sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "webhook_deliveries",
        sa.Column("note_deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
    )
    op.drop_index(op.f("ix_webhook_deliveries_webhook_id"), "webhook_deliveries")
    op.create_index(
        "ix_webhook_deliveries_webhook_id_id", "webhook_deliveries", ["webhook_id", "id"], unique=False
    )
    op.create_index(
        "ix_webhook_deliveries_note_id",
        "webhook_deliveries",
        ["note_id"],
        unique=False,
        postgresql_where=sa.text("note_id IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_deliveries_ended",
        "webhook_deliveries",
        ["updated_at"],
        unique=False,
        postgresql_where=sa.text("status <> 'pending'"),
    )
    op.add_column("webhook_attempts", sa.Column("response", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("webhook_attempts", "response")
    op.create_index(
        op.f("ix_webhook_deliveries_webhook_id"), "webhook_deliveries", ["webhook_id"], unique=False
    )
    for name in ("ended", "note_id", "webhook_id_id"):
        op.drop_index(f"ix_webhook_deliveries_{name}", "webhook_deliveries")
    for name in ("note_deleted", "next_attempt_at", "attempts_before", "note_id"):
        op.drop_column("webhook_deliveries", name)
    op.drop_column("webhooks", "failing_since")
    op.drop_column("webhooks", "old_secrets")
    op.drop_table("idempotency_keys")
