"""Bringing a database's schema up to date."""

import time

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from vocafuse_server.core.database import Base, sqlalchemy_url
from vocafuse_server.core.errors import StartupError

# One migration at a time on a database, however many processes start at once.
MIGRATION_LOCK = 0x766F6361
# A statement that waits for a lock on a table makes all wait that come after it, the serving version's too.
_PATIENCE_S = 5.0
_PAUSE_S = 0.2


def migrate(database_url: str, *, patience_s: float = _PATIENCE_S) -> None:
    """Run the migrations that the database hasn't had.

    It may run while the version before serves; docs/fleet.md says what migrations may do therefore.

    Args:
        database_url: The database itself, not a pooler: the lock is its connection's.
        patience_s: How long a statement may wait for a table.

    Raises:
        StartupError: The database can't be reached or is of a newer release, or a table that is to be changed
            isn't let go.
    """
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            _wait_for_turn(connection)
            connection.execute(text(f"SET lock_timeout = {round(patience_s * 1000)}"))
            _refuse_newer(connection)
            connection.commit()
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
    except OperationalError as error:
        if isinstance(error.orig, LockNotAvailable | DeadlockDetected):
            raise StartupError(
                f"The database is in use: a table that is to be changed was not let go in {patience_s:g} s."
                " Nothing is half done; try again, when no long transaction is open."
            ) from error
        raise StartupError(f"The database can't be reached: {error.orig}") from error
    finally:
        engine.dispose()


def head_revision() -> str:
    """The schema that this release works on."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise StartupError("This installation lacks its migrations: install the server anew.")
    return head


def is_known_revision(revision: str) -> bool:
    """Whether this release has the migration that leads to this schema."""
    return any(
        script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions()
    )


def _refuse_newer(connection: Connection) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and not is_known_revision(current):
        raise StartupError(
            f"The database is of a newer release (schema {current}) than this one:"
            " start that release or a later one, or restore a backup that was made before."
        )


def _wait_for_turn(connection: Connection) -> None:
    """Take the lock. It is asked for again and again, because an index that is built concurrently waits for
    all open statements: for one that waits for this lock, for ever."""
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        connection.commit()
        time.sleep(_PAUSE_S)


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for the migrations in this package."""
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["target_metadata"] = Base.metadata
    return config


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "vocafuse_server:migrations")
    return config
