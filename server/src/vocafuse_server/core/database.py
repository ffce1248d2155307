"""The database: one pool of connections, and transactions on it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, cast

import psycopg
from sqlalchemy import JSON, DateTime, Enum, MetaData, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeEngine

from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import ApiKeyId, DeliveryId, NoteId, TenantId, TranscriptionId, WebhookId

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
            for id_type in (TenantId, ApiKeyId, NoteId, TranscriptionId, WebhookId, DeliveryId)
        },
    }


def sqlalchemy_url(database_url: str) -> str:
    """`database_url` for SQLAlchemy on psycopg 3; takes `postgres://`, `postgresql://` and their kin."""
    url = make_url(database_url.replace("postgres://", "postgresql://", 1))
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def libpq_url(database_url: str) -> str:
    """`database_url` as libpq (psycopg without SQLAlchemy) reads it."""
    return sqlalchemy_url(database_url).replace("postgresql+psycopg://", "postgresql://", 1)


class Database:
    """A pool of connections and the transactions made on it."""

    def __init__(self, database_url: str, *, pool_size: int) -> None:
        self._engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(database_url),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=10,
            hide_parameters=True,  # Values can be secrets; errors and logs show the SQL alone.
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """A session in one transaction: committed when the block ends, rolled back when it raises.

        Raises:
            ServiceUnavailable: The database can't be reached, or no connection comes free in time.
        """
        try:
            async with self._sessions.begin() as session:
                yield session
        except (OperationalError, InterfaceError, TimeoutError) as error:
            raise ServiceUnavailable from error

    async def ping(self) -> None:
        """Raise if the database doesn't answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._engine.dispose()


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
