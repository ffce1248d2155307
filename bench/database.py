"""An embedded Postgres of a benchmark's own."""

import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.schema import migrate

FILLS_FAST = ("fsync=off",)
"""Options for who fills a table first, and measures nothing that is written."""


@contextmanager
def database(options: Sequence[str] = ()) -> Generator[str]:
    """The URL of a database with the product's schema, while the block runs."""
    with tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", options=options)
        postgres.start()
        try:
            postgres.ensure_database()
            migrate(postgres.url())
            yield postgres.url()
        finally:
            postgres.stop()
