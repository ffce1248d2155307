"""Following what happens to notes, as it happens.

Nothing is kept in memory for a reader but how far it has read: it is woken, and reads what is new from the
database when it can take it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import TypeAdapter

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.core.notifications import Listener
from vocafuse_server.notes import feed_queries, queries
from vocafuse_server.notes.errors import NoteNotFound, TooManyReaders
from vocafuse_server.notes.feed_queries import EventsRead
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note

_CHANNEL = "note_events"  # As the trigger calls it.
# However many readers are woken at once, requests must not wait for them.
_READING_AT_ONCE = 2
_LAST_WORDS_S = 1
# What the trigger says: the tenant, the note, and whose it is.
_PAYLOAD: TypeAdapter[tuple[UUID, UUID, str | None]] = TypeAdapter(tuple[UUID, UUID, str | None])


@dataclass(eq=False, slots=True)
class Reader:
    """Somebody who follows an owner's notes, or one of them."""

    owner: Owner
    note_id: NoteId | None
    read_up_to: int = 0
    is_done: bool = False
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    being_told: asyncio.Timeout | None = None
    """How long the other side still has to take what it is told."""

    def wants(self, note_id: NoteId, identity: str | None) -> bool:
        return self.note_id in (None, note_id) and self.owner.identity in (None, identity)

    async def wait(self, *, at_most_s: float) -> bool:
        """Wait until there is something new, but only that long; whether there is."""
        try:
            async with asyncio.timeout(at_most_s):
                await self.bell.wait()
        except TimeoutError:
            return False
        return True

    @asynccontextmanager
    async def telling(self, *, at_most_s: float) -> AsyncGenerator[None]:
        """While the other side is told something; TimeoutError if it doesn't take it."""
        async with asyncio.timeout(at_most_s) as self.being_told:
            yield
        self.being_told = None

    def finish(self) -> None:
        """Let it come to its end soon."""
        self.is_done = True
        self.bell.set()
        if self.being_told is not None:
            self.being_told.reschedule(asyncio.get_running_loop().time() + _LAST_WORDS_S)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a reader begins.

    Attributes:
        number: The last event that it knows; None if none of its notes has had any for long.
        resumed: Whether it goes on where it once stopped, so that it misses nothing.
        note: The note that it follows, as it is now; None if it follows all.
    """

    number: int | None
    resumed: bool
    note: Note | None


class NoteFeed:
    """All readers of this process, and the one connection that listens for them.

    Args:
        database: Where events are read.
        url: The database, as libpq reads it.
        readers_per_tenant: How many there may be at a time.
    """

    def __init__(self, database: Database, url: str, *, readers_per_tenant: int) -> None:
        self._database = database
        self._readers_per_tenant = readers_per_tenant
        self._readers: defaultdict[TenantId, set[Reader]] = defaultdict(set)
        self._reading = asyncio.Semaphore(_READING_AT_ONCE)
        self._listener = Listener(url, _CHANNEL, heard=self._heard, missed=self._wake_all)
        self._is_ending = False

    def open(self, owner: Owner, note_id: NoteId | None) -> Reader:
        """A new reader, to be closed.

        Raises:
            TooManyReaders: The tenant has as many as it may.
        """
        readers = self._readers[owner.tenant_id]
        if len(readers) >= self._readers_per_tenant:
            raise TooManyReaders
        self._listener.start()
        reader = Reader(owner, note_id, is_done=self._is_ending)
        readers.add(reader)
        return reader

    def close(self, reader: Reader) -> None:
        readers = self._readers[reader.owner.tenant_id]
        readers.discard(reader)
        if not readers:
            del self._readers[reader.owner.tenant_id]

    def count(self, tenant_id: TenantId) -> int:
        """How many readers a tenant has."""
        return len(self._readers.get(tenant_id, ()))

    async def begin(self, reader: Reader, *, after: int | None) -> Position:
        """Let a reader go on after an event that it has read, if that is still possible, else begin now.

        Raises:
            NoteNotFound: There is no such note as it wants to follow.
        """
        async with self._reading, self._database.reading() as session:
            resumed = after is not None and await feed_queries.can_go_on(session, reader.owner, after=after)
            if after is not None and resumed:
                reader.read_up_to = number = after
            else:
                reader.read_up_to = await feed_queries.newest_of_tenant(session, reader.owner)
                number = await feed_queries.newest_event(session, reader.owner, upto=reader.read_up_to)
            note = reader.note_id and await queries.find_note(session, reader.owner, reader.note_id)
        if reader.note_id is not None and note is None:
            raise NoteNotFound
        return Position(number, resumed, note)

    async def read(self, reader: Reader) -> EventsRead:
        """What is new, some at a time."""
        reader.bell.clear()
        async with self._reading, self._database.reading() as session:
            read = await feed_queries.read_events(
                session, reader.owner, reader.note_id, after=reader.read_up_to
            )
        reader.read_up_to = read.read_up_to
        return read

    def end(self) -> None:
        """Let all readers come to an end: the server stops."""
        self._is_ending = True
        for readers in self._readers.values():
            for reader in readers:
                reader.finish()

    async def shut(self) -> None:
        self.end()
        await self._listener.close()

    def _heard(self, payload: str) -> None:
        tenant_id, note_id, identity = _PAYLOAD.validate_json(payload)
        for reader in self._readers.get(TenantId(tenant_id), ()):
            if reader.wants(NoteId(note_id), identity):
                reader.bell.set()

    def _wake_all(self) -> None:
        for readers in self._readers.values():
            for reader in readers:
                reader.bell.set()
