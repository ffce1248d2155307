"""The migrations make the schema that the models describe, on any number of calls."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from vocafuse_server.accounts import models as account_models
from vocafuse_server.core.database import Base, sqlalchemy_url
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.dictation import models as dictation_models
from vocafuse_server.idempotency import models as idempotency_models
from vocafuse_server.notes import models as note_models
from vocafuse_server.schema import alembic_config, head_revision, migrate
from vocafuse_server.webhooks import models as webhook_models


def test_migrations_equal_models(database_url: str) -> None:
    assert {
        account_models.Tenant,
        note_models.Note,
        webhook_models.Webhook,
        idempotency_models.IdempotencyKey,
        dictation_models.Dictation,
    }  # imported: known to the metadata
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "include_name": _is_ours, "include_object": _has_our_table},
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_at_once_from_many_processes_works(cluster: EmbeddedPostgres) -> None:
    cluster.ensure_database("race")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, [cluster.url("race")] * 4))
    with psycopg.connect(cluster.url("race")) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [(head_revision(),)]


def test_a_database_of_a_newer_release_is_told_and_not_touched(cluster: EmbeddedPostgres) -> None:
    cluster.ensure_database("newer")
    migrate(cluster.url("newer"))
    engine = create_engine(sqlalchemy_url(cluster.url("newer")), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartupError, match=r"newer release \(schema 9999\)"):
        migrate(cluster.url("newer"))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_older_notes_get_titles_and_stay_counted(cluster: EmbeddedPostgres) -> None:
    cluster.ensure_database("older")
    engine = create_engine(sqlalchemy_url(cluster.url("older")), poolclass=NullPool)
    with engine.begin() as connection:
        config = alembic_config(connection)
        command.upgrade(config, "0005")
        connection.execute(text(_OLDER_NOTE), {"id": new_uuid()})
        counts = connection.execute(text(_COUNTS)).all()
        command.upgrade(config, "head")
        assert connection.scalar(text("SELECT title FROM notes")) == "Voice Note 2025-10-06 17:33:31"
        assert connection.execute(text(_COUNTS)).all() == counts
        connection.execute(text("UPDATE notes SET deleted_at = now()"))
        assert connection.execute(text(_COUNTS)).all() == [(0,)]
        command.downgrade(config, "0005")  # what is deleted can't be told from what isn't, so it goes
        assert connection.execute(text("SELECT * FROM notes")).all() == []
        command.upgrade(config, "head")
    engine.dispose()


_OLDER_NOTE = """
WITH tenant AS (
  INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (:id, 'T', 'pro', now(), now())
)
INSERT INTO notes (id, tenant_id, status, original_filename, audio_key, upload_source, created_at, updated_at)
VALUES (:id, :id, 'transcribed', 'a.wav', 'a', 'api', '2025-10-06 17:33:31.9Z', now())
"""
_COUNTS = "SELECT sum(n) FROM note_count_changes"


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or not (name or "").startswith("procrastinate_")


def _has_our_table(item: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    return not (name or "").startswith("procrastinate_")
