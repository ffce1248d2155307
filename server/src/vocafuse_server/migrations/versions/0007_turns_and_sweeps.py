"""Whose turn it is on the queue, and finding what a crash left behind."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | Sequence[str] | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WAITING = sa.text("status = 'todo'")


def upgrade() -> None:
    op.create_index(
        "ix_procrastinate_jobs_turns",
        "procrastinate_jobs",
        ["queue_name", sa.text("priority DESC")],
        postgresql_where=_WAITING,
    )
    op.create_index(
        "ix_procrastinate_jobs_tenant_turns",
        "procrastinate_jobs",
        ["queue_name", sa.text("(args ->> 'tenant_id')"), "priority"],
        postgresql_where=_WAITING,
    )
    op.create_index(
        "ix_notes_awaited",
        "notes",
        ["created_at"],
        postgresql_where=sa.text("status = 'created' AND file_size_bytes IS NULL AND source_url IS NULL"),
    )
    op.create_index(
        "ix_notes_in_processing", "notes", ["updated_at"], postgresql_where=sa.text("status = 'processing'")
    )
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["next_attempt_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    op.drop_index("ix_webhook_deliveries_due", "webhook_deliveries")
    for name in ("ix_notes_in_processing", "ix_notes_awaited"):
        op.drop_index(name, "notes")
    for name in ("ix_procrastinate_jobs_tenant_turns", "ix_procrastinate_jobs_turns"):
        op.drop_index(name, "procrastinate_jobs")
