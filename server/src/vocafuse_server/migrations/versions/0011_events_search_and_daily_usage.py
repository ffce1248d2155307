"""What happens to notes, for those who listen; words to search for; what is used day by day."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0011"
down_revision: str | Sequence[str] | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A tenant's events are numbered in the order in which they become visible: the trigger runs when the
# transaction commits, and whoever comes second waits until the first is done. Numbers are microseconds, so
# that they say nothing about how many events others have.
_EVENTS = (
    """
CREATE FUNCTION is_note_listed(note notes) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT note.deleted_at IS NULL AND (note.status <> 'created' OR note.source_url IS NOT NULL)
$$
""",
    """
CREATE FUNCTION tell_note_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was_listed boolean := TG_OP <> 'INSERT' AND is_note_listed(OLD);
  is_listed boolean := TG_OP <> 'DELETE' AND is_note_listed(NEW);
  note notes;
  kind text;
  newest bigint;
BEGIN
  IF TG_OP = 'DELETE' THEN note := OLD; ELSE note := NEW; END IF;
  kind := CASE
    WHEN is_listed AND NOT was_listed THEN
      CASE WHEN TG_OP = 'UPDATE' AND OLD.deleted_at IS NOT NULL THEN 'restored' ELSE 'created' END
    WHEN was_listed AND NOT is_listed THEN 'deleted'
    WHEN NOT is_listed THEN NULL
    WHEN NEW.status <> OLD.status OR NEW.transcription_run <> OLD.transcription_run THEN NEW.status
    WHEN (NEW.title, NEW.tags, NEW.custom_tags, NEW.metadata)
      IS DISTINCT FROM (OLD.title, OLD.tags, OLD.custom_tags, OLD.metadata) THEN 'updated'
  END;
  IF kind IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('note_events ' || note.tenant_id, 0));
  SELECT max(number) INTO newest FROM note_events WHERE tenant_id = note.tenant_id;
  INSERT INTO note_events (tenant_id, number, identity, note_id, kind)
  VALUES (
    note.tenant_id,
    greatest(newest + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
    note.identity,
    note.id,
    kind
  );
  PERFORM pg_notify(
    'note_events', json_build_array(note.tenant_id, note.id, note.identity)::text
  );
  RETURN NULL;
END
$$
""",
    """
CREATE CONSTRAINT TRIGGER tell_event
AFTER INSERT OR DELETE
  OR UPDATE OF status, transcription_run, title, tags, custom_tags, metadata, deleted_at ON notes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell_note_event()
""",
)

# Languages by Whisper's codes, where some Postgres has a configuration; one that lacks it takes `simple`.
_CONFIGS = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
# Scripts that put no spaces between words, Korean's, which puts them elsewhere, and their punctuation.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3000-\u9fff\ua960-\ua97f\uac00-\ud7ff"
    r"\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
)
# The longest text in which words are looked for, many hours of speech: a tsvector has at most 1 MB.
_LONGEST = 200_000
_SEARCH = (
    f"""
CREATE FUNCTION search_config(code text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((
    SELECT cfgname::text
    FROM (VALUES {", ".join(str(pair) for pair in _CONFIGS.items())}) AS known (code, name)
    JOIN pg_ts_config ON cfgname = name AND cfgnamespace = 'pg_catalog'::regnamespace
    WHERE known.code = search_config.code
  ), 'simple')
$$
""",  # noqa: S608 - no input
    # Control characters stand for what the parser must not take as markup, and around each letter of a script
    # without spaces, so that it is a word of its own. They can be taken out again.
    rf"""
CREATE FUNCTION fold_for_search(said text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT regexp_replace(
    translate(left(said, {_LONGEST}), E'<>&\x02\x03\x1c\x1d\x1e\x1f', E'\x1c\x1d\x1e      '),
    E'([{_UNSPACED}])', E'\x1f\\1\x1f', 'g'
  )
$$
""",
    # The first word says whose document it is and in which language, so that an index finds a tenant's alone.
    """
CREATE FUNCTION write_note_search(changed uuid[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO note_search (note_id, tenant_id, config, document)
  SELECT note_id, tenant_id, config,
    array_to_tsvector(ARRAY[tenant_id || ':' || config])
      || setweight(to_tsvector(config::regconfig, fold_for_search(title)), 'A')
      || setweight(to_tsvector(config::regconfig, fold_for_search(said)), 'B')
  FROM (
    SELECT note.id AS note_id, note.tenant_id, coalesce(transcription.text, '') AS said,
      CASE WHEN note.title ~ '^Voice Note [-0-9]{10} [0-9:]{8}$' THEN '' ELSE note.title END AS title,
      search_config(coalesce(transcription.language, note.language)) AS config
    FROM notes AS note LEFT JOIN transcriptions AS transcription ON transcription.note_id = note.id
    WHERE note.id = ANY (changed)
  ) AS written
  WHERE title <> '' OR said <> ''
    OR EXISTS (SELECT FROM note_search AS old WHERE old.note_id = written.note_id)
  ON CONFLICT (note_id) DO UPDATE SET config = excluded.config, document = excluded.document
$$
""",
    """
CREATE FUNCTION keep_note_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'transcriptions' THEN
    PERFORM write_note_search(ARRAY(SELECT note_id FROM new_rows));
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM write_note_search(ARRAY(SELECT id FROM new_rows));
  ELSE
    PERFORM write_note_search(ARRAY(
      SELECT id FROM new_rows JOIN old_rows USING (id) WHERE new_rows.title <> old_rows.title
    ));
  END IF;
  RETURN NULL;
END
$$
""",
    *(
        f"""
CREATE TRIGGER keep_search_on_{event.lower()} AFTER {event} ON {table} REFERENCING {tables}
FOR EACH STATEMENT EXECUTE FUNCTION keep_note_search()
"""
        for table, event, tables in [
            ("notes", "INSERT", "NEW TABLE AS new_rows"),
            ("notes", "UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
            ("transcriptions", "INSERT", "NEW TABLE AS new_rows"),
            ("transcriptions", "UPDATE", "NEW TABLE AS new_rows"),
        ]
    ),
    "SELECT write_note_search(ARRAY(SELECT id FROM notes))",
)

# What is left of the notes is known day by day; the rest of a month's usage is put on its first day.
_DAILY_USAGE = """
INSERT INTO daily_usage (tenant_id, day, notes_count, size_bytes, duration_ms)
WITH days AS (
  SELECT tenant_id, (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS notes_count,
    sum(file_size_bytes) AS size_bytes, coalesce(sum(round(duration_seconds * 1000)), 0) AS duration_ms
  FROM notes WHERE file_size_bytes IS NOT NULL GROUP BY 1, 2
), signed AS (
  SELECT * FROM days
  UNION ALL SELECT tenant_id, month, notes_count, size_bytes, duration_ms FROM monthly_usage
  UNION ALL
  SELECT tenant_id, date_trunc('month', day)::date, -notes_count, -size_bytes, -duration_ms FROM days
)
SELECT tenant_id, day, sum(notes_count), sum(size_bytes), sum(duration_ms) FROM signed GROUP BY 1, 2
HAVING (sum(notes_count), sum(size_bytes), sum(duration_ms)) <> (0, 0, 0)
"""
_MONTHLY_USAGE = """
INSERT INTO monthly_usage (tenant_id, month, notes_count, size_bytes, duration_ms)
SELECT tenant_id, date_trunc('month', day)::date, sum(notes_count), sum(size_bytes), sum(duration_ms)
FROM daily_usage GROUP BY 1, 2
"""


def upgrade() -> None:
    op.create_table(
        "note_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=True),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number", name=op.f("pk_note_events")),
    )
    op.create_index(
        "ix_note_events_identity",
        "note_events",
        ["tenant_id", "identity", "number"],
        postgresql_where=sa.text("identity IS NOT NULL"),
    )
    op.create_table(
        "note_search",
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("document", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["note_id"], ["notes.id"], name=op.f("fk_note_search_note_id_notes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_note_search")),
    )
    for statement in (*_EVENTS, *_SEARCH):
        op.execute(statement)
    # After the rows: an index of words is made many times faster than it grows.
    op.create_index("ix_note_search_document", "note_search", ["document"], postgresql_using="gin")
    op.create_index("ix_note_search_config", "note_search", ["tenant_id", "config"])
    op.drop_index("ix_transcriptions_words", "transcriptions")
    _replace_usage("monthly_usage", "daily_usage", "day", _DAILY_USAGE)


def downgrade() -> None:
    op.execute("SET CONSTRAINTS ALL IMMEDIATE")  # What events are still to be told; no trigger goes before.
    for function in ("tell_note_event", "keep_note_search"):
        op.execute(f"DROP FUNCTION {function}() CASCADE")
    for function in ("is_note_listed", "write_note_search", "fold_for_search", "search_config"):
        op.execute(f"DROP FUNCTION {function}")
    op.drop_table("note_search")
    op.drop_table("note_events")
    op.create_index(
        "ix_transcriptions_words",
        "transcriptions",
        [sa.text("to_tsvector('simple', text)")],
        postgresql_using="gin",
    )
    _replace_usage("daily_usage", "monthly_usage", "month", _MONTHLY_USAGE)


def _replace_usage(old: str, new: str, period: str, copy: str) -> None:
    op.create_table(
        new,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column(period, sa.Date(), nullable=False),
        sa.Column("notes_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f(f"fk_{new}_tenant_id_tenants"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", period, name=op.f(f"pk_{new}")),
    )
    op.execute(copy)
    op.drop_table(old)
