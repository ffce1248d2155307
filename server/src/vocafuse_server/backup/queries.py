"""SQL of backups, on the very snapshot that `pg_dump` reads."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from vocafuse_server.core.database import libpq_url
from vocafuse_server.core.hold_queries import AUDIO_HOLD


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database as it is at one moment, for as long as it is open.

    Attributes:
        name: What other sessions find it by.
        schema: The revision of its schema.
        audio_files: How many notes have audio.
        audio_bytes: How large that is.
    """

    connection: psycopg.Connection[tuple[Any, ...]]
    name: str
    schema: str
    audio_files: int
    audio_bytes: int

    def audio_keys(self) -> Iterator[str]:
        """The keys of all audio, a few at a time."""
        with self.connection.cursor("audio_keys") as cursor:
            cursor.execute("SELECT audio_key FROM notes WHERE file_size_bytes IS NOT NULL")
            for (key,) in cursor:
                yield key


@contextmanager
def snapshot_of(database_url: str) -> Generator[Snapshot | None]:
    """A snapshot whose audio stays where it is until the block ends; None if there is no schema yet.

    One at a time: another waits.
    """
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [AUDIO_HOLD])
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            yield None
            return
        row = connection.execute(_ABOUT).fetchone()
        yield None if row is None else Snapshot(connection, *row)


_ABOUT = """
SELECT pg_export_snapshot(), version_num,
  (SELECT count(file_size_bytes) FROM notes),
  (SELECT coalesce(sum(file_size_bytes), 0)::bigint FROM notes)
FROM alembic_version
"""
