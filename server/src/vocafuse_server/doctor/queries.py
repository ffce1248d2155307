"""What is asked of a database of which nothing is known yet, not even whether it has a schema."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """A database server and what is in the database.

    Attributes:
        version: As Postgres numbers itself, e.g. 180000.
        encoding: Its name in Postgres, e.g. "UTF8".
        now: By the server's clock.
        backend: The process at the other end, as the server itself calls it.
        has_schema: Whether migrations have been here.
    """

    version: int
    encoding: str
    now: datetime
    backend: int
    has_schema: bool


def read_facts(connection: psycopg.Connection) -> DatabaseFacts:
    with connection.cursor(row_factory=class_row(DatabaseFacts)) as cursor:
        found = cursor.execute(
            "SELECT current_setting('server_version_num')::int AS version,"
            " current_setting('server_encoding') AS encoding, clock_timestamp() AS now,"
            " pg_backend_pid() AS backend, to_regclass('alembic_version') IS NOT NULL AS has_schema"
        )
        return found.fetchall()[0]


def find_revision(connection: psycopg.Connection) -> str | None:
    """The schema's; None if it is empty. There has to be one."""
    [[revision]] = connection.execute("SELECT max(version_num) FROM alembic_version").fetchall()
    return None if revision is None else str(revision)


def list_webhook_urls(connection: psycopg.Connection, *, limit: int) -> list[tuple[str, str]]:
    """The ids and URLs of active webhooks, the newest first."""
    found = connection.execute(
        "SELECT id::text, url FROM webhooks WHERE status = 'active' ORDER BY id DESC LIMIT %s", [limit]
    )
    return [(str(webhook_id), str(url)) for webhook_id, url in found]
