"""Single rows, read as cheaply as Postgres gives them: for what nearly every request asks.

A query is prepared once, is a transaction of its own, and goes straight to libpq, through the driver's
`psycopg.pq`. A session, of whose abilities a single row needs none, takes many times the processor time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import count
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult
from sqlalchemy import BindParameter, Enum, Select
from sqlalchemy.dialects.postgresql.base import PGDialect

from vocafuse_server.core.errors import ServiceUnavailable

Row = TypeVar("Row")

_DIALECT = PGDialect(paramstyle="numeric_dollar")
_PATIENCE_S = 10.0


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
        binds: Mapping[str, BindParameter[object]] = self._compiled.binds
        given = {name: bind.value for name, bind in binds.items() if not bind.required}
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
            if made[at] is not None:
                made[at] = enumeration(made[at])
        return self._make_row(made)


class RowReader:
    """Runs such queries, all on one connection that is opened when it is first wanted.

    They wait for no answer to the query before (libpq's pipeline mode), and all that are asked in one turn of
    the event loop are sent together, so that many requests share the ways to Postgres and back.

    Args:
        url: The database, as libpq reads it.
        patience_s: How long a query may take. Rows are found by their keys, so one that takes longer
            comes from a connection that hangs, and that is then replaced.
    """

    def __init__(self, url: str, *, patience_s: float = _PATIENCE_S) -> None:
        self._url = url
        self._patience_s = patience_s
        self._connection: _Connection | None = None
        self._opening: asyncio.Task[_Connection] | None = None

    async def find(self, query: RowQuery[Row], **parameters: object) -> Row | None:
        """The row that the query finds; None if there is none.

        Raises:
            ServiceUnavailable: The database can't be reached, or doesn't answer in time.
        """
        try:
            return await self._find(query, query.values(parameters))
        except (psycopg.OperationalError, TimeoutError) as error:
            raise ServiceUnavailable from error

    async def close(self) -> None:
        """Close the connection; what waits for an answer is told that it was lost."""
        if self._connection is not None:
            self._connection.close()

    async def _find(self, query: RowQuery[Row], values: Sequence[object]) -> Row | None:
        connection = self._connection
        if connection is not None and connection.is_open:
            try:
                return await connection.find(query, values)
            except psycopg.OperationalError:
                connection.close()  # Postgres went away since its last use; to read again does no harm.
        return await (await self._open()).find(query, values)

    async def _open(self) -> "_Connection":
        """The connection; all who want it while it is opened wait for the same one."""
        if self._connection is None or not self._connection.is_open:
            if self._opening is None:
                self._opening = asyncio.create_task(_Connection.open(self._url, self._patience_s))
                self._opening.add_done_callback(self._opened)
            await asyncio.shield(self._opening)
        if self._connection is None:
            raise _lost()
        return self._connection

    def _opened(self, opening: "asyncio.Task[_Connection]") -> None:
        self._opening = None
        if not opening.cancelled() and opening.exception() is None:
            self._connection = opening.result()


class _Connection:
    """A connection in libpq's pipeline mode. It listens all the time, so that it notices being closed."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], patience_s: float) -> None:
        self._connection = connection  # Closes the socket when it is collected, so it is held.
        self._patience_s = patience_s
        self._patience: asyncio.TimerHandle | None = None
        self._pgconn = connection.pgconn
        self._pgconn.enter_pipeline_mode()
        self._transformer = Transformer(connection)
        self._prepared: dict[RowQuery[Any], bytes] = {}
        self._numbers = count()
        self._asked: deque[asyncio.Future[PGresult]] = deque()
        self._is_sending = False
        self._loop = asyncio.get_running_loop()
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._receive)
        self.is_open = True

    @classmethod
    async def open(cls, url: str, patience_s: float) -> "_Connection":
        async with asyncio.timeout(patience_s):
            return cls(await psycopg.AsyncConnection.connect(url, autocommit=True), patience_s)

    async def find(self, query: RowQuery[Row], values: Sequence[object]) -> Row | None:
        """The row that the query finds.

        Raises:
            psycopg.Error: Postgres refused it, or went away.
        """
        answer: asyncio.Future[PGresult] = self._loop.create_future()
        sent = self._transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        name = self._prepared.get(query) or self._prepare(query, answer)
        self._pgconn.send_query_prepared(name, sent, self._transformer.formats, Format.BINARY)
        self._asked.append(answer)
        self._send_soon()
        result = await answer
        if result.status == ExecStatus.PIPELINE_ABORTED:  # Another one failed that was sent along before.
            self._prepared.pop(query, None)
            return await self.find(query, values)
        if result.status != ExecStatus.TUPLES_OK:
            self._prepared.pop(query, None)
            raise error_from_result(result)
        if result.ntuples == 0:
            return None
        self._transformer.set_pgresult(result)
        return self._transformer.load_row(0, query.row)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._wait_no_longer()
            self._pgconn.finish()
        while self._asked:
            if not (waiting := self._asked.popleft()).done():
                waiting.set_exception(_lost())

    def _prepare(self, query: RowQuery[Any], answer: asyncio.Future[PGresult]) -> bytes:
        """Send the query to be prepared, right before its use, and give it a name."""
        name = self._prepared[query] = b"row_%d" % next(self._numbers)
        self._pgconn.send_prepare(name, query.sql, self._transformer.types)
        self._asked.append(answer)
        return name

    def _send_soon(self) -> None:
        if not self._is_sending:
            self._is_sending = True
            self._loop.call_soon(self._send)

    def _send(self) -> None:
        """Send what was asked; what the socket doesn't take now, as soon as it does."""
        if not self.is_open:
            return
        self._loop.remove_writer(self._socket)
        try:
            self._pgconn.pipeline_sync()
            self._is_sending = bool(self._pgconn.flush())
        except psycopg.OperationalError:
            self.close()
            return
        if self._is_sending:
            self._loop.add_writer(self._socket, self._send)
        if self._patience is None:
            self._patience = self._loop.call_later(self._patience_s, self.close)

    def _receive(self) -> None:
        """Take in what has arrived: one result for each that was asked, in that order."""
        self._wait_no_longer()
        try:
            self._pgconn.consume_input()
            while self._asked and not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if self._pgconn.status != ConnStatus.OK:
                    raise _lost()
                if result is not None and result.status != ExecStatus.PIPELINE_SYNC:
                    self._settle(result)
        except psycopg.OperationalError:
            self.close()
        if self._asked:
            self._patience = self._loop.call_later(self._patience_s, self.close)

    def _settle(self, result: PGresult) -> None:
        answer = self._asked.popleft()
        is_prepared = result.status == ExecStatus.COMMAND_OK  # Its use has a result of its own.
        if not is_prepared and not answer.done():
            answer.set_result(result)

    def _wait_no_longer(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


def _lost() -> psycopg.OperationalError:
    return psycopg.OperationalError("the connection to the database was lost")
