"""A database of its own for every test, the real app on it, and the real model."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from support.app import Account, Api, SettableClock, make_account, running_app
from support.issuer import Issuer
from support.web import serving

from vocafuse_server.core.database import Database
from vocafuse_server.core.embedded_postgres import SERVICE_USER, EmbeddedPostgres
from vocafuse_server.core.settings import Settings
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.hardware import choose_hardware
from vocafuse_server.transcription.weights import ModelFiles, resolve_model

_numbers = count()
IN_MEMORY = Path("/dev/shm")
ROOM_BYTES = 1 << 30


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of the model to one process: it is loaded once, and has both cores for itself."""
    here = Path(__file__).parent
    for item in items:
        if item.get_closest_marker("model") and item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group("model"))


@pytest.fixture(scope="session")
def tablespace(cluster: EmbeddedPostgres) -> Iterator[str]:
    """Where databases are: in memory where there is room, as each is hundreds of files for a moment."""
    if not IN_MEMORY.is_dir() or shutil.disk_usage(IN_MEMORY).free < ROOM_BYTES:
        yield "pg_default"
        return
    with TemporaryDirectory(prefix="vocafuse-tests-", dir=IN_MEMORY) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVICE_USER)
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
            admin.execute(SQL("CREATE TABLESPACE memory LOCATION {}").format(folder))
            yield "memory"
            admin.execute("DROP TABLESPACE memory")


@pytest.fixture
def database_url(cluster: EmbeddedPostgres, tablespace: str) -> Iterator[str]:
    """A fresh database with the migrated schema."""
    name = f"test_{next(_numbers)}"
    # Copied as files, it is faster made and first read than page by page through the log.
    create = SQL("CREATE DATABASE {} TEMPLATE template STRATEGY file_copy TABLESPACE {}")
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as admin:
        admin.execute(create.format(Identifier(name), Identifier(tablespace)))
        yield cluster.url(name)
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=5)
    yield database
    await database.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def account(database: Database) -> Account:
    return await make_account(database)


@pytest.fixture
async def other_account(database: Database) -> Account:
    return await make_account(database)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_upload_bytes=1024 * 1024)


@pytest.fixture
async def api(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[Api]:
    async with running_app(settings, database_url, clock) as api:
        yield api


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer of tokens that publishes one key, `k1`."""
    async with serving() as site:
        issuer = Issuer(site)
        issuer.add_key("k1")
        yield issuer


@pytest.fixture(scope="session")
def base_files(models_dir: Path) -> ModelFiles:
    return resolve_model("base", data_dir=models_dir)


@pytest.fixture(scope="session")
async def engine(base_files: ModelFiles) -> AsyncIterator[AdaptiveWhisper]:
    """The multilingual base model."""
    engine = AdaptiveWhisper.load(base_files, choose_hardware(device="cpu"))
    await engine.warm()
    yield engine
    await engine.close()
