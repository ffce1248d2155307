"""Lists of any length: counts, and notes by tag, kept by triggers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | Sequence[str] | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Triggers see whole statements, so that a million rows written at once are counted at once. An update that
# changes nothing of interest adds -1 and +1, which the next fold adds up to nothing.
_FUNCTIONS = (
    """
CREATE FUNCTION note_tag_pairs(tags jsonb) RETURNS TABLE (key text, value text)
LANGUAGE sql IMMUTABLE AS $$
  SELECT key, value FROM jsonb_each_text(CASE jsonb_typeof(tags) WHEN 'object' THEN tags END)
  WHERE value IS NOT NULL
$$
""",
    """
CREATE FUNCTION note_facets(identity text, tags jsonb) RETURNS SETOF text
LANGUAGE sql IMMUTABLE AS $$
  SELECT ''
  UNION ALL SELECT 'user:' || identity WHERE identity IS NOT NULL
  UNION ALL SELECT 'tag:' || key || '=' || value FROM note_tag_pairs(tags)
$$
""",
    """
CREATE FUNCTION keep_note_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    TRUNCATE note_tags, note_counts, note_count_changes;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    INSERT INTO note_count_changes (tenant_id, facet, day, status, n)
    SELECT tenant_id, facet, (created_at AT TIME ZONE 'UTC')::date, status, -count(*)
    FROM old_notes CROSS JOIN LATERAL note_facets(identity, custom_tags) AS facet
    WHERE status <> 'created'
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
    WHERE status <> 'created'
    GROUP BY 1, 2, 3, 4;
    INSERT INTO note_tags (tenant_id, key, value, status, created_at, note_id)
    SELECT tenant_id, tag.key, tag.value, status, created_at, id
    FROM new_notes CROSS JOIN LATERAL note_tag_pairs(custom_tags) AS tag
    WHERE status <> 'created';
  END IF;
  RETURN NULL;
END
$$
""",
)
_TRIGGERS = (
    """
CREATE TRIGGER keep_lists_on_insert AFTER INSERT ON notes
REFERENCING NEW TABLE AS new_notes FOR EACH STATEMENT EXECUTE FUNCTION keep_note_lists()
""",
    """
CREATE TRIGGER keep_lists_on_update AFTER UPDATE ON notes
REFERENCING OLD TABLE AS old_notes NEW TABLE AS new_notes
FOR EACH STATEMENT EXECUTE FUNCTION keep_note_lists()
""",
    """
CREATE TRIGGER keep_lists_on_delete AFTER DELETE ON notes
REFERENCING OLD TABLE AS old_notes FOR EACH STATEMENT EXECUTE FUNCTION keep_note_lists()
""",
    """
CREATE TRIGGER keep_lists_on_truncate AFTER TRUNCATE ON notes
FOR EACH STATEMENT EXECUTE FUNCTION keep_note_lists()
""",
)
_EXISTING_NOTES = (
    """
INSERT INTO note_counts (tenant_id, facet, day, status, n)
SELECT tenant_id, facet, (created_at AT TIME ZONE 'UTC')::date, status, count(*)
FROM notes CROSS JOIN LATERAL note_facets(identity, custom_tags) AS facet
WHERE status <> 'created'
GROUP BY 1, 2, 3, 4
""",
    """
INSERT INTO note_tags (tenant_id, key, value, status, created_at, note_id)
SELECT tenant_id, tag.key, tag.value, status, created_at, id
FROM notes CROSS JOIN LATERAL note_tag_pairs(custom_tags) AS tag
WHERE status <> 'created'
""",
)


def upgrade() -> None:
    op.create_table(
        "note_tags",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "key", "value", "status", "created_at", "note_id", name=op.f("pk_note_tags")
        ),
    )
    for name in ("note_counts", "note_count_changes"):
        op.create_table(
            name,
            sa.Column("tenant_id", sa.Uuid(), nullable=False),
            sa.Column("facet", sa.Text(), nullable=False),
            sa.Column("day", sa.Date(), nullable=False),
            sa.Column("status", sa.String(32), nullable=False),
            sa.Column("n", sa.BigInteger(), nullable=False),
        )
    op.create_index(
        "uq_note_counts",
        "note_counts",
        ["tenant_id", "facet", "day", "status"],
        unique=True,
        postgresql_include=["n"],
    )
    op.create_index("ix_note_counts_empty", "note_counts", ["n"], postgresql_where=sa.text("n = 0"))
    op.create_index("ix_note_count_changes", "note_count_changes", ["tenant_id", "facet", "day"])
    op.drop_index("ix_notes_tenant_visible", "notes")
    op.drop_index("ix_notes_identity_visible", "notes")
    op.create_index("ix_notes_listed", "notes", ["tenant_id", "status", "created_at", "id"])
    op.create_index(
        "ix_notes_listed_by_identity",
        "notes",
        ["tenant_id", "identity", "status", "created_at", "id"],
        postgresql_where=sa.text("identity IS NOT NULL"),
    )
    op.create_index(
        "ix_transcriptions_words",
        "transcriptions",
        [sa.text("to_tsvector('simple', text)")],
        postgresql_using="gin",
    )
    for statement in (*_FUNCTIONS, *_TRIGGERS, *_EXISTING_NOTES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION keep_note_lists() CASCADE")
    op.execute("DROP FUNCTION note_facets")
    op.execute("DROP FUNCTION note_tag_pairs")
    for name in ("note_tags", "note_counts", "note_count_changes"):
        op.drop_table(name)
    op.drop_index("ix_transcriptions_words", "transcriptions")
    op.drop_index("ix_notes_listed_by_identity", "notes")
    op.drop_index("ix_notes_listed", "notes")
    visible = sa.text("status <> 'created'")
    op.create_index("ix_notes_tenant_visible", "notes", ["tenant_id", "id"], postgresql_where=visible)
    op.create_index(
        "ix_notes_identity_visible", "notes", ["tenant_id", "identity", "id"], postgresql_where=visible
    )
