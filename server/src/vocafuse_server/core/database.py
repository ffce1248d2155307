"""The database: one pool of connections, and transactions on it."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, cast

import psycopg
from sqlalchemy import JSON, Connection, DateTime, Enum, MetaData, Text, Uuid, event, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.types import TypeEngine

from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import (
    ApiKeyId,
    DeliveryId,
    DictationId,
    NoteId,
    TenantId,
    TranscriptionId,
    WebhookId,
    WorkspaceId,
)
from vocafuse_server.core.reading import RowReader

JsonObject = dict[str, Any]

# Names that Postgres and Alembic agree on, so that a migration can name what it drops.
_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _values(enum: type[StrEnum]) -> list[str]:
    """Enumerations are stored as what they say on the wire, as text: a new member takes no migration."""
    return [member.value for member in enum]


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=_NAMING)
    type_annotation_map: ClassVar[dict[Any, TypeEngine[Any] | type[TypeEngine[Any]]]] = {
        str: Text,
        StrEnum: Enum(StrEnum, native_enum=False, length=32, values_callable=_values),
        datetime: DateTime(timezone=True),
        JsonObject: JSONB,
        list[JsonObject]: JSON,  # As text, which keeps the order of the fields.
        list[str]: ARRAY(Text),
        **{
            id_type: Uuid()
            for id_type in (
                *(TenantId, ApiKeyId, NoteId, TranscriptionId, WebhookId, DeliveryId, WorkspaceId),
                DictationId,
            )
        },
    }


# How soon a server that can't be reached, or has vanished without a word, is given up; what the operator's
# URL says comes first.
_CONNECTION_LIMITS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


def sqlalchemy_url(database_url: str) -> str:
    """`database_url` for SQLAlchemy on psycopg 3; takes `postgres://`, `postgresql://` and their kin."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    url = url.set(drivername="postgresql+psycopg").update_query_dict({**_CONNECTION_LIMITS, **url.query})
    return url.render_as_string(hide_password=False)


def libpq_url(database_url: str) -> str:
    """`database_url` as libpq (psycopg without SQLAlchemy) reads it."""
    return sqlalchemy_url(database_url).replace("postgresql+psycopg://", "postgresql://", 1)


def connection_options(direct_url: str | None) -> dict[str, Any]:
    """How the driver has to connect, with a pooler before the database or without."""
    return {} if direct_url is None else {"prepare_threshold": None}


# A connection that lay idle for longer than this is tried before it is used: Postgres may have gone and come
# back. One used a moment ago has just shown that it works, so that busy servers try none.
_TRUSTED_S = 0.5
_STATEMENT_S = 30.0


def _try_idle_connections(engine: AsyncEngine, *, trusted_s: float) -> None:
    def given_back(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["idle_since_s"] = time.monotonic()

    def taken(connection: DBAPIConnection, record: ConnectionPoolEntry, fairy: PoolProxiedConnection) -> None:
        idle_since_s = record.info.get("idle_since_s")
        if idle_since_s is None or time.monotonic() - idle_since_s < trusted_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise InvalidatePoolError from error  # The pool then opens new connections, one for this caller.

    event.listen(engine.sync_engine, "checkin", given_back)
    event.listen(engine.sync_engine, "checkout", taken)


def _limit_statements(engine: AsyncEngine, *, statement_s: float) -> None:
    def connected(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(_limits(statement_s, is_local=False))
        cursor.close()
        connection.autocommit = False

    event.listen(engine.sync_engine, "connect", connected)


def _limit_transactions(engine: AsyncEngine, *, statement_s: float) -> None:
    """As `_limit_statements`, for a pooler's connections, on which nothing may stay that is set."""

    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql(_limits(statement_s, is_local=True))

    event.listen(engine.sync_engine, "begin", begun)


def _limits(statement_s: float, *, is_local: bool) -> str:
    # Whoever does nothing in a transaction for twice as long holds its locks for no good.
    limits = {"statement_timeout": statement_s, "idle_in_transaction_session_timeout": 2 * statement_s}
    calls = [f"set_config('{name}', '{round(s * 1000)}', {is_local})" for name, s in limits.items()]
    return f"SELECT {', '.join(calls)}"


class Database:
    """A pool of connections, the transactions made on it, and single rows.

    Args:
        pool_size: Connections at most, one of them for single rows; at least one is for all else.
        direct_url: The database itself, if `database_url` leads to a pooler that gives out connections for
            one transaction. Nothing is kept on those then; single rows are read past the pooler.
        trusted_s: How long a connection may lie idle and be used without being tried first.
        statement_s: How long one statement may take.

    Attributes:
        rows: Reads single rows.
    """

    def __init__(
        self,
        database_url: str,
        *,
        pool_size: int,
        direct_url: str | None = None,
        trusted_s: float = _TRUSTED_S,
        statement_s: float = _STATEMENT_S,
    ) -> None:
        self.rows = RowReader(libpq_url(direct_url or database_url))
        self._engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(database_url),
            pool_size=max(1, pool_size - 1),
            max_overflow=0,
            pool_timeout=10,
            connect_args=connection_options(direct_url),
            hide_parameters=True,  # Values can be secrets; errors and logs show the SQL alone.
        )
        _try_idle_connections(self._engine, trusted_s=trusted_s)
        limit = _limit_statements if direct_url is None else _limit_transactions
        limit(self._engine, statement_s=statement_s)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reading_sessions = async_sessionmaker(single, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """A session in one transaction: committed when the block ends, rolled back when it raises.

        Raises:
            ServiceUnavailable: The database can't be reached, or no connection comes free in time.
        """
        with _unavailable_without_database():
            async with self._sessions.begin() as session:
                yield session

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """A session for reading in which each statement is a transaction of its own, which saves one that
        reads a single row two thirds of its way to the database and back.

        Raises:
            ServiceUnavailable: As for `transaction`.
        """
        with _unavailable_without_database():
            async with self._reading_sessions() as session:
                yield session

    async def in_portions(self, work: Callable[[AsyncSession], Awaitable[int]], *, size: int) -> int:
        """Do work in one transaction after the other until there is less of it than `size`.

        Args:
            work: Does `size` at most of what there is to do, and says how much it was.

        Returns:
            How much it was in all.

        Raises:
            ServiceUnavailable: As for `transaction`.
        """
        done = 0
        while True:
            async with self.transaction() as session:
                portion = await work(session)
            done += portion
            if portion < size:
                return done

    async def ping(self) -> None:
        """Raise if the database doesn't answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self.rows.close()
        await self._engine.dispose()


@contextmanager
def _unavailable_without_database() -> Generator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, TimeoutError) as error:
        raise ServiceUnavailable from error


async def see_one_moment(session: AsyncSession) -> None:
    """Let all statements of a session that has had none yet see the database as at one moment."""
    await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


async def psycopg_connection(session: AsyncSession) -> psycopg.AsyncConnection[object]:
    """The driver's connection under a session, inside the session's transaction."""
    connection = await session.connection()
    raw = await connection.get_raw_connection()
    driver = raw.driver_connection
    if not isinstance(driver, psycopg.AsyncConnection):
        raise TypeError("the database driver must be psycopg 3")
    return cast("psycopg.AsyncConnection[object]", driver)
