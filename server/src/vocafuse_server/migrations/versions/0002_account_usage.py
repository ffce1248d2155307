"""How much accounts use: of their API keys, and month by month."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | Sequence[str] | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "api_keys", sa.Column("usage_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.create_table(
        "monthly_usage",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("notes_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_monthly_usage_tenant_id_tenants"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "month", name=op.f("pk_monthly_usage")),
    )
    # What is left of the notes so far; those deleted before this migration are not known any more.
    op.execute(
        "INSERT INTO monthly_usage (tenant_id, month, notes_count, size_bytes, duration_ms) "
        "SELECT tenant_id, date_trunc('month', created_at AT TIME ZONE 'UTC')::date, count(*),"
        " COALESCE(sum(file_size_bytes), 0), COALESCE(sum(round(duration_seconds * 1000)), 0) "
        "FROM notes WHERE status <> 'created' GROUP BY 1, 2"
    )


def downgrade() -> None:
    op.drop_table("monthly_usage")
    op.drop_column("api_keys", "usage_count")
    op.drop_column("api_keys", "last_used_at")
