"""SQL of what happens to notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import BigInteger, ColumnElement, and_, delete, extract, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteEvent

# How long after an event a reader that lost its connection can go on from there.
EVENTS_KEPT = timedelta(days=1)
_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class EventsRead:
    """Some events with their notes as they are now, None for those that are gone.

    Attributes:
        read_up_to: There is nothing more to read up to this number.
    """

    events: Sequence[tuple[NoteEvent, Note | None]]
    read_up_to: int

    @property
    def may_be_more(self) -> bool:
        return len(self.events) == _READ_AT_ONCE


async def read_events(
    session: AsyncSession, owner: Owner, note_id: NoteId | None, *, after: int
) -> EventsRead:
    """The next events of an owner's notes, or of one of them, after a number; some at a time."""
    upto = await newest_of_tenant(session, owner)  # What has a lower number is visible by now.
    if upto <= after:
        return EventsRead([], after)
    rows = await session.execute(
        select(NoteEvent, Note)
        .outerjoin(Note, and_(Note.id == NoteEvent.note_id, Note.deleted_at.is_(None)))
        .where(*_of(owner, note_id), NoteEvent.number > after, NoteEvent.number <= upto)
        .order_by(NoteEvent.number)
        .limit(_READ_AT_ONCE)
    )
    found = [(event, note) for event, note in rows]
    read = EventsRead(found, upto)
    return EventsRead(found, found[-1][0].number) if read.may_be_more else read


async def newest_event(session: AsyncSession, owner: Owner, *, upto: int) -> int | None:
    """The number of the last thing that happened to an owner's notes; None if that is long ago."""
    return await session.scalar(
        select(func.max(NoteEvent.number)).where(
            *_of(owner, None), NoteEvent.number > _oldest_kept(), NoteEvent.number <= upto
        )
    )


async def newest_of_tenant(session: AsyncSession, owner: Owner) -> int:
    """The number of the last thing that happened to any note of the tenant; 0 if nothing has for long."""
    newest = select(func.max(NoteEvent.number)).where(NoteEvent.tenant_id == owner.tenant_id)
    return await session.scalar(newest) or 0


async def can_go_on(session: AsyncSession, owner: Owner, *, after: int) -> bool:
    """Whether this is a number that an event may have had, and all that happened since is still known."""
    if after > await newest_of_tenant(session, owner):
        return False
    return bool(await session.scalar(select(_oldest_kept() <= literal(after, BigInteger))))


async def delete_old_events(session: AsyncSession) -> int:
    """Forget what nobody goes on from any more; how many there were."""
    old = await session.execute(
        delete(NoteEvent).where(NoteEvent.number < _oldest_kept()).returning(NoteEvent.number)
    )
    return len(old.all())


def _of(owner: Owner, note_id: NoteId | None) -> list[ColumnElement[bool]]:
    conditions = [NoteEvent.tenant_id == owner.tenant_id]
    if owner.identity is not None:
        conditions.append(NoteEvent.identity == owner.identity)
    if note_id is not None:
        conditions.append(NoteEvent.note_id == note_id)
    return conditions


def _oldest_kept() -> ColumnElement[int]:
    """By the database's clock, as are the numbers."""
    return extract("epoch", func.now() - EVENTS_KEPT) * 1_000_000
