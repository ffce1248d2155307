"""The migrations make the schema that the models describe, on any number of calls."""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from vocafuse_server.accounts import models as account_models
from vocafuse_server.core.database import Base, sqlalchemy_url
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.idempotency import models as idempotency_models
from vocafuse_server.notes import models as note_models
from vocafuse_server.schema import migrate
from vocafuse_server.webhooks import models as webhook_models


def test_migrations_equal_models(database_url: str) -> None:
    assert {
        account_models.Tenant,
        note_models.Note,
        webhook_models.Webhook,
        idempotency_models.IdempotencyKey,
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


def _is_ours(name: str | None, kind: str, parents: object) -> bool:
    return kind != "table" or not (name or "").startswith("procrastinate_")


def _has_our_table(item: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    return not (name or "").startswith("procrastinate_")
