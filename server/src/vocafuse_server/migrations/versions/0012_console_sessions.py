"""Who is signed in to the console, and links that sign in once."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | Sequence[str] | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _create("console_sessions", sa.Column("signed_in_at", sa.DateTime(timezone=True), nullable=False))
    _create("sign_in_links")


def downgrade() -> None:
    op.drop_table("sign_in_links")
    op.drop_table("console_sessions")


def _create(table: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        table,
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        *columns,
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f(f"fk_{table}_key_id_api_keys"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_key_id"), table, ["key_id"])
