"""Titles, plain tags, metadata and workspaces; audio from a URL; notes that are deleted but kept."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | Sequence[str] | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TITLE_AT = "'Voice Note ' || to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
# As in migration 0004, but for which notes are in lists.
_LISTED = "deleted_at IS NULL AND (status <> 'created' OR source_url IS NOT NULL)"
_KEEP_NOTE_LISTS = """
CREATE OR REPLACE FUNCTION keep_note_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE note_tags, note_counts, note_count_changes;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO note_count_changes (tenant_id, facet, day, status, n)
    SELECT tenant_id, facet, (created_at AT TIME ZONE 'UTC')::date, status, -count(*)
    FROM old_notes CROSS JOIN LATERAL note_facets(identity, custom_tags) AS facet
    WHERE {listed}
    GROUP BY 1, 2, 3, 4;
    DELETE FROM note_tags AS kept
    USING old_notes AS note CROSS JOIN LATERAL note_tag_pairs(note.custom_tags) AS tag
    WHERE (kept.tenant_id, kept.key, kept.value, kept.status, kept.created_at, kept.note_id)
      = (note.tenant_id, tag.key, tag.value, note.status, note.created_at, note.id);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO note_count_changes (tenant_id, facet, day, status, n)
    SELECT tenant_id, facet, (created_at AT TIME ZONE 'UTC')::date, status, count(*)
    FROM new_notes CROSS JOIN LATERAL note_facets(identity, custom_tags) AS facet
    WHERE {listed}
    GROUP BY 1, 2, 3, 4;
    INSERT INTO note_tags (tenant_id, key, value, status, created_at, note_id)
    SELECT tenant_id, tag.key, tag.value, status, created_at, id
    FROM new_notes CROSS JOIN LATERAL note_tag_pairs(custom_tags) AS tag
    WHERE {listed};
  END IF;
  RETURN NULL;
END
$$
"""
_LIST_INDEXES = {
    "ix_notes_listed": (["tenant_id", "status", "created_at", "id"], None),
    "ix_notes_listed_by_identity": (
        ["tenant_id", "identity", "status", "created_at", "id"],
        "identity IS NOT NULL",
    ),
}


def upgrade() -> None:
    op.add_column(
        "notes",
        sa.Column(
            "title", sa.Text(), server_default=sa.text(_TITLE_AT.format(moment="now()")), nullable=False
        ),
    )
    op.add_column("notes", sa.Column("source_url", sa.Text(), nullable=True))
    op.add_column("notes", sa.Column("mime_type", sa.Text(), nullable=True))
    op.add_column("notes", sa.Column("declared_duration_seconds", sa.Double[float](), nullable=True))
    op.add_column(
        "notes",
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "notes",
        sa.Column(
            "metadata",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
    )
    op.add_column("notes", sa.Column("workspace_id", sa.Uuid(), nullable=True))
    op.add_column("notes", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    # The counts don't change, so the triggers have nothing to do.
    op.execute("ALTER TABLE notes DISABLE TRIGGER USER")
    op.execute(f"UPDATE notes SET title = {_TITLE_AT.format(moment='created_at')}")  # noqa: S608 - no input
    op.execute("ALTER TABLE notes ENABLE TRIGGER USER")
    op.execute(_KEEP_NOTE_LISTS.format(listed=_LISTED))
    _make_list_indexes("deleted_at IS NULL")
    op.create_index(
        "ix_notes_listed_by_workspace",
        "notes",
        ["tenant_id", "workspace_id", "created_at", "id"],
        postgresql_where=sa.text("workspace_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "ix_notes_tags", "notes", ["tags"], postgresql_using="gin", postgresql_where=sa.text("tags <> '{}'")
    )
    op.create_index(
        "ix_notes_deleted", "notes", ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL")
    )


def _make_list_indexes(condition: str | None) -> None:
    for name, (columns, own_condition) in _LIST_INDEXES.items():
        op.drop_index(name, "notes")
        where = " AND ".join(part for part in (own_condition, condition) if part)
        op.create_index(name, "notes", columns, postgresql_where=sa.text(where) if where else None)


def downgrade() -> None:
    # Without the column that says so, they would come back.
    op.execute("DELETE FROM notes WHERE deleted_at IS NOT NULL")
    op.execute("UPDATE notes SET source_url = NULL WHERE status = 'created'")
    op.execute(_KEEP_NOTE_LISTS.format(listed="status <> 'created'"))
    for name in ("ix_notes_listed_by_workspace", "ix_notes_tags", "ix_notes_deleted"):
        op.drop_index(name, "notes")
    _make_list_indexes(None)
    for name in (
        *("title", "source_url", "mime_type", "declared_duration_seconds"),
        *("tags", "metadata", "workspace_id", "deleted_at"),
    ):
        op.drop_column("notes", name)
