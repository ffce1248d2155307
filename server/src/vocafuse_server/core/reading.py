"""Single rows, read as cheaply as Postgres gives them: for what nearly every request asks.

A query is prepared once on each connection, is a transaction of its own, and goes straight to libpq, through
the driver's `psycopg.pq`. A session, of whose abilities a single row needs none, takes many times the
processor time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import Enum, Select
from sqlalchemy.dialects.postgresql.base import PGDialect

from vocafuse_server.core.errors import ServiceUnavailable

Row = TypeVar("Row")

_DIALECT = PGDialect(paramstyle="numeric_dollar")
_PATIENCE_S = 10


class RowQuery(Generic[Row]):
    """A SELECT of one row at most, with parameters that are given by name when it runs.

    Args:
        make_row: Makes the row of its columns, in their order; enumerations are members by then.
        statement: What to select; each `bindparam` without a value is a parameter.
    """

    def __init__(self, make_row: Callable[[Sequence[Any]], Row], statement: Select[*tuple[Any, ...]]) -> None:
        self._make_row = make_row
        self._statement = statement

    @cached_property
    def sql(self) -> bytes:
        return str(self._compiled).encode()

    @cached_property
    def _compiled(self) -> Any:
        return self._statement.compile(dialect=_DIALECT)

    @cached_property
    def _names(self) -> list[str]:
        return self._compiled.positiontup or []

    @cached_property
    def _constants(self) -> dict[str, object]:
        given: Mapping[str, object] = self._compiled.params
        return {name: value.value if isinstance(value, StrEnum) else value for name, value in given.items()}

    @cached_property
    def _enumerations(self) -> list[tuple[int, Callable[[str], object]]]:
        types = [column.type for column in self._statement.selected_columns]
        classes = [kind.enum_class if isinstance(kind, Enum) else None for kind in types]
        return [(at, enumeration) for at, enumeration in enumerate(classes) if enumeration is not None]

    def values(self, parameters: Mapping[str, object]) -> list[object]:
        """The values of `$1`, `$2` and so on."""
        return [parameters[name] if name in parameters else self._constants[name] for name in self._names]

    def row(self, columns: Sequence[Any]) -> Row:
        made = list(columns)
        for at, enumeration in self._enumerations:
            made[at] = enumeration(made[at])
        return self._make_row(made)


class RowReader:
    """Runs such queries, on connections of its own that are opened when they are first wanted.

    Args:
        url: The database, as libpq reads it.
        max_connections: So many queries run at once; others wait.
    """

    def __init__(self, url: str, *, max_connections: int) -> None:
        self._url = url
        self._places = asyncio.Semaphore(max_connections)
        self._free: list[_Connection] = []

    async def find(self, query: RowQuery[Row], **parameters: object) -> Row | None:
        """The row that the query finds; None if there is none.

        Raises:
            ServiceUnavailable: The database can't be reached, or no connection comes free in time.
        """
        try:
            await self._take_place()
        except TimeoutError as error:
            raise ServiceUnavailable from error
        try:
            return await self._find(query, query.values(parameters))
        except psycopg.OperationalError as error:
            raise ServiceUnavailable from error
        finally:
            self._places.release()

    async def close(self) -> None:
        """Close the connections. No query may be running."""
        while self._free:
            self._free.pop().close()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        async with asyncio.timeout(_PATIENCE_S):
            await self._places.acquire()

    async def _find(self, query: RowQuery[Row], values: Sequence[object]) -> Row | None:
        while self._free:
            # One that was lost since its last use may not show it yet; to read again does no harm.
            with suppress(psycopg.OperationalError):
                return await self._ask(self._free.pop(), query, values)
        return await self._ask(await _Connection.open(self._url), query, values)

    async def _ask(
        self, connection: "_Connection", query: RowQuery[Row], values: Sequence[object]
    ) -> Row | None:
        found = await connection.find(query, values)
        self._free.append(connection)
        return found


class _Connection:
    """A connection that runs one query at a time. Whatever goes wrong closes it.

    It listens all the time, so that one which Postgres closes while it lies idle is not used again.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection  # Closes the socket when it is collected, so it is held.
        self._pgconn = connection.pgconn
        self._transformer = Transformer(connection)
        self._prepared: dict[RowQuery[Any], bytes] = {}
        self._awaited: asyncio.Future[PGresult | None] | None = None
        self._result: PGresult | None = None
        self._loop = asyncio.get_running_loop()
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._receive)
        self.is_open = True

    @classmethod
    async def open(cls, url: str) -> "_Connection":
        return cls(await psycopg.AsyncConnection.connect(url, autocommit=True))

    async def find(self, query: RowQuery[Row], values: Sequence[object]) -> Row | None:
        """The row that the query finds.

        Raises:
            psycopg.Error: Postgres refused it, or went away.
        """
        if not self.is_open:
            raise _lost()
        try:
            sent = self._transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
            name = self._prepared.get(query) or await self._prepare(query)
            formats = self._transformer.formats
            self._pgconn.send_query_prepared(name, sent, formats, Format.BINARY)
            result = await self._answer(ExecStatus.TUPLES_OK)
        except BaseException:
            self.close()
            raise
        if result.ntuples == 0:
            return None
        self._transformer.set_pgresult(result)
        return self._transformer.load_row(0, query.row)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._pgconn.finish()

    async def _prepare(self, query: RowQuery[Any]) -> bytes:
        name = b"row_%d" % len(self._prepared)
        self._pgconn.send_prepare(name, query.sql, self._transformer.types)
        await self._answer(ExecStatus.COMMAND_OK)
        self._prepared[query] = name
        return name

    async def _answer(self, expected: ExecStatus) -> PGresult:
        self._awaited = self._loop.create_future()
        self._send()
        result = await self._awaited
        if result is None or self._pgconn.status != ConnStatus.OK:
            raise _lost()
        if result.status != expected:
            raise error_from_result(result)
        return result

    def _send(self) -> None:
        """Send what libpq still holds, now or when the socket takes it."""
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._send_rest)

    def _send_rest(self) -> None:
        self._loop.remove_writer(self._socket)
        self._send()

    def _receive(self) -> None:
        """Take in what has arrived; a result is whole once another one isn't there."""
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._settle()
                    return
                self._result = result
        except psycopg.Error:
            self._result = None
            self._settle()
            self.close()

    def _settle(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(self._result)
        self._awaited = self._result = None


def _lost() -> psycopg.OperationalError:
    return psycopg.OperationalError("the connection to the database was lost")
