"""The database in the data directory: whose it is, and how a command gets at it."""

import fcntl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from vocafuse_server.core.data_dir import POSTGRES_FOLDER, prepare_data_dir
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings
from vocafuse_server.schema import migrate

LOCK_FILE = "supervisor.lock"


@contextmanager
def sole_owner(data_dir: Path) -> Generator[None]:
    """Hold the data directory's lock: one supervisor at a time.

    Raises:
        StartupError: Another one has it.
    """
    with (data_dir / LOCK_FILE).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartupError(
                f"Another server is running on the data directory {data_dir}:"
                " stop it, or set VOCAFUSE_DATA_DIR to another one."
            ) from error
        yield


@contextmanager
def database_of(settings: Settings) -> Generator[str]:
    """The URL of a database that runs: the operator's, past any pooler, or the embedded one, started if need
    be."""
    if settings.database_url is not None:
        yield settings.direct_url or settings.database_url.get_secret_value()
        return
    postgres = postgres_of(settings)
    if postgres.is_running():
        yield postgres.url()
        return
    prepare_data_dir(settings.data_dir)
    with sole_owner(settings.data_dir), running_postgres(settings) as postgres:
        yield postgres.url()


@contextmanager
def migrated_database(settings: Settings) -> Generator[str]:
    """As `database_of`, with the schema of this release.

    Raises:
        StartupError: It can't be reached or migrated.
    """
    with database_of(settings) as database_url:
        migrate(database_url)
        yield database_url


@contextmanager
def running_postgres(settings: Settings) -> Generator[EmbeddedPostgres]:
    """The embedded Postgres with our database in it, while the block runs.

    Raises:
        StartupError: It doesn't start.
    """
    postgres = postgres_of(settings)
    postgres.start()
    try:
        postgres.ensure_database()
        yield postgres
    finally:
        postgres.stop()


def postgres_of(settings: Settings) -> EmbeddedPostgres:
    """The embedded Postgres of the data directory, running or not."""
    return EmbeddedPostgres(settings.data_dir / POSTGRES_FOLDER)
