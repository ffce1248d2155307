"""Bringing a database's schema up to date."""

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from vocafuse_server.core.database import Base, sqlalchemy_url
from vocafuse_server.core.errors import StartupError

# One migration at a time on a database, however many processes start at once.
_LOCK = 0x766F6361


def migrate(database_url: str) -> None:
    """Run the migrations that the database hasn't had.

    Raises:
        StartupError: The database can't be reached.
    """
    engine = create_engine(sqlalchemy_url(database_url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            command.upgrade(alembic_config(connection), "head")
            connection.commit()
    except OperationalError as error:
        raise StartupError(f"The database can't be reached: {error.orig}") from error
    finally:
        engine.dispose()


def is_known_revision(revision: str) -> bool:
    """Whether this release has the migration that leads to this schema."""
    return any(
        script.revision == revision for script in ScriptDirectory.from_config(_config()).walk_revisions()
    )


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
