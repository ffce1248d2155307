"""SQL of lists: a page of any depth and an exact total, in a time that hardly grows with the list.

Notes of a tenant, of one of its users, or with one tag, of whatever status and dates, are counted by
`note_counts` and read in the order of an index. Lists narrowed further are counted note by note.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Subquery,
    and_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import see_one_moment
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.notes import search_queries
from vocafuse_server.notes.filters import NoteFilter, Owner, TimeRange
from vocafuse_server.notes.models import (
    LISTED,
    Note,
    NoteStatus,
    note_count_changes,
    note_counts,
    note_tags,
)
from vocafuse_server.notes.page_slices import DayCount, slice_of, span_of
from vocafuse_server.notes.search_queries import RANKED, Search, best_first, has_words, understand
from vocafuse_server.notes.search_text import Match


async def list_notes(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, page: PageRequest
) -> Page[Note]:
    """One page of the notes that are wanted, newest first, and how many there are.

    It must be the first that its session does: page and total are of one moment.
    """
    notes, total = await find_notes(session, owner, wanted, offset=page.offset, limit=page.limit)
    return Page(notes, page, total)


async def find_notes(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[Sequence[Note], int]:
    """The notes that are wanted from a place in their list on, and how many there are; see `list_notes`."""
    await see_one_moment(session)
    if _is_counted(owner, wanted):
        return await _count_off(session, owner, wanted, offset=offset, limit=limit)
    return await _count_and_read(session, owner, wanted, offset=offset, limit=limit)


async def find_matches(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, notes: Sequence[Note]
) -> Mapping[NoteId, Match]:
    """Where these notes have the words that they were found by, if they were."""
    if wanted.words is None or not notes:
        return {}
    search = await understand(session, owner.tenant_id, wanted.words)
    return await search_queries.find_matches(session, search, [note.id for note in notes]) if search else {}


def _is_counted(owner: Owner, wanted: NoteFilter) -> bool:
    """Whether it is known how many notes each day has."""
    facets = len(wanted.tags) + (owner.identity is not None)
    looked_for = (wanted.words, wanted.title_part, wanted.workspace_id)
    return facets <= 1 and not wanted.plain_tags and all(one is None for one in looked_for)


async def _count_off(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[Sequence[Note], int]:
    days, total = await _days_of_page(session, owner, wanted, offset=offset, limit=limit)
    if not days:
        return [], total
    part = slice_of(days, offset=offset, limit=limit, created=wanted.created)
    entries = _entries(owner, wanted, part.created)
    order = (entries.c.created_at, entries.c.id)
    if part.newest_first:
        order = (order[0].desc(), order[1].desc())
    places = select(entries.c.id).order_by(*order).offset(part.skip).limit(part.take)
    return await _read(session, places), total


async def fold_note_counts(session: AsyncSession) -> None:
    """Add the changes since the last fold to the counts; at any moment a total is both together."""
    taken = delete(note_count_changes).returning(*note_count_changes.c).cte("taken")
    key = (taken.c.tenant_id, taken.c.facet, taken.c.day, taken.c.status)
    change = _bigint(func.sum(taken.c.n))
    sums = select(*key, change).group_by(*key).having(change != 0).order_by(*key)
    names = [column.name for column in note_counts.c]
    added = insert(note_counts).from_select(names, sums)
    await session.execute(
        added.on_conflict_do_update(index_elements=names[:-1], set_={"n": note_counts.c.n + added.excluded.n})
    )
    await session.execute(delete(note_counts).where(note_counts.c.n == 0))


async def _days_of_page(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[list[DayCount], int]:
    """The days that have notes on the page, newest first, and how many notes all days have."""
    counts = _counts(owner, wanted)
    by_day = select(counts.c.day, func.sum(counts.c.n).label("n")).group_by(counts.c.day).subquery()
    places = select(
        by_day,
        func.sum(by_day.c.n).over(order_by=by_day.c.day.desc()).label("upto"),
        func.sum(by_day.c.n).over().label("total"),
    ).subquery()
    rows = await session.execute(
        select(
            places.c.day,
            _bigint(places.c.n).label("notes"),
            _bigint(places.c.upto).label("upto"),
            _bigint(places.c.total).label("total"),
        )
        .where(
            places.c.n > 0,
            places.c.upto > offset,
            places.c.upto - places.c.n < offset + limit,
        )
        .order_by(places.c.day.desc())
    )
    found = rows.all()
    if found:
        return [DayCount(row.day, row.upto - row.notes, row.upto) for row in found], found[0].total
    if offset == 0:
        return [], 0
    # Past the end, where no day tells the total.
    return [], await session.scalar(select(_bigint(func.sum(counts.c.n)))) or 0


def _counts(owner: Owner, wanted: NoteFilter) -> Subquery:
    """Days and numbers of notes, for each day any number of rows to be added up."""
    span = span_of(wanted.created)
    rows: list[Select[Any, Any]] = []
    for table in (note_counts, note_count_changes):
        conditions: list[ColumnElement[bool]] = [
            table.c.tenant_id == owner.tenant_id,
            table.c.facet == _facet(owner, wanted),
            table.c.status.in_(_statuses(wanted)),
        ]
        if span.first_day is not None:
            conditions.append(table.c.day >= span.first_day)
        if span.end_day is not None:
            conditions.append(table.c.day < span.end_day)
        rows.append(select(table.c.day, table.c.n).where(*conditions))
    for day, part in span.parts:
        entries = _entries(owner, wanted, part)
        rows.append(select(literal(day, Date), func.count()).select_from(entries))
    return union_all(*rows).subquery()


def _facet(owner: Owner, wanted: NoteFilter) -> str:
    """The name of what is counted, as the triggers name it."""
    for key, value in wanted.tags.items():
        return f"tag:{key}={value}"
    return "" if owner.identity is None else f"user:{owner.identity}"


def _entries(owner: Owner, wanted: NoteFilter, created: TimeRange) -> Subquery:
    """Ids and times of the notes of one facet, from one index.

    One query for each status, each in the order of the index, so that Postgres can merge them in order.
    """
    if wanted.tags:
        table, note_id = note_tags, note_tags.c.note_id.label("id")
        [(key, value)] = wanted.tags.items()
        conditions: list[ColumnElement[bool]] = [table.c.key == key, table.c.value == value]
    else:
        table, note_id = Note.__table__, Note.__table__.c.id
        conditions = [] if owner.identity is None else [Note.identity == owner.identity]
    return union_all(
        *(
            select(note_id, table.c.created_at).where(
                table.c.tenant_id == owner.tenant_id,
                table.c.status == status,
                *conditions,
                *([] if wanted.tags else _found_by_lists(status)),
                *_in_range(table.c.created_at, created),
            )
            for status in _statuses(wanted)
        )
    ).subquery()


async def _count_and_read(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[Sequence[Note], int]:
    conditions = [
        Note.tenant_id == owner.tenant_id,
        or_(*(and_(Note.status == status, *_found_by_lists(status)) for status in _statuses(wanted))),
        *_narrowed(wanted),
        *_in_range(Note.__table__.c.created_at, wanted.created),
        *(Note.id.in_(_tagged(owner, key, value)) for key, value in wanted.tags.items()),
    ]
    if owner.identity is not None:
        conditions.append(Note.identity == owner.identity)
    search = wanted.words and await understand(session, owner.tenant_id, wanted.words)
    if search:
        conditions.append(has_words(search))
    elif wanted.words is not None:
        return [], 0
    total = await session.scalar(select(func.count()).select_from(Note).where(*conditions)) or 0
    newest = (
        select(Note.id, Note.__table__.c.created_at)
        .where(*conditions)
        .order_by(Note.created_at.desc(), Note.id.desc())
    )
    if search and wanted.best_first:
        return await _read_ranked(session, search, newest, offset=offset, limit=limit), total
    return await _read(session, newest.offset(offset).limit(limit)), total


async def _read_ranked(
    session: AsyncSession, search: Search, newest: Select[Any, Any], *, offset: int, limit: int
) -> Sequence[Note]:
    ids: list[NoteId] = []
    if offset < RANKED:
        places = best_first(search, newest).offset(offset).limit(min(limit, RANKED - offset))
        ids += (await session.scalars(places)).all()
    if offset + limit > RANKED:
        places = newest.offset(max(offset, RANKED)).limit(min(limit, offset + limit - RANKED))
        ids += (await session.scalars(places)).all()
    found = {note.id: note for note in await session.scalars(select(Note).where(Note.id.in_(ids)))}
    return [found[note_id] for note_id in ids]


def _narrowed(wanted: NoteFilter) -> list[ColumnElement[bool]]:
    """What a note's own fields must be like."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.title_part is not None:
        conditions.append(Note.title.icontains(wanted.title_part, autoescape=True))
    if wanted.plain_tags:
        # The first is what the index is about.
        conditions += [Note.tags != text("'{}'"), Note.tags.contains(list(wanted.plain_tags))]
    if wanted.workspace_id is not None:
        conditions.append(Note.workspace_id == wanted.workspace_id)
    return conditions


def _tagged(owner: Owner, key: str, value: str) -> Select[Any]:
    return select(note_tags.c.note_id).where(
        note_tags.c.tenant_id == owner.tenant_id, note_tags.c.key == key, note_tags.c.value == value
    )


async def _read(session: AsyncSession, places: Select[*tuple[Any, ...]]) -> Sequence[Note]:
    """The notes at these places of the list, which were looked up without reading the notes before them."""
    found = places.subquery()
    rows = await session.scalars(
        select(Note).join(found, found.c.id == Note.id).order_by(Note.created_at.desc(), Note.id.desc())
    )
    return rows.all()


def _statuses(wanted: NoteFilter) -> tuple[NoteStatus, ...]:
    if wanted.status is not None:
        return (wanted.status,)
    return tuple(NoteStatus) if wanted.waiting else LISTED


def _found_by_lists(status: NoteStatus) -> list[ColumnElement[bool]]:
    """That a note with this status is in lists, as the triggers see it."""
    is_kept = Note.deleted_at.is_(None)
    # What waits for a client's upload is no note yet.
    return [is_kept, Note.source_url.is_not(None)] if status is NoteStatus.CREATED else [is_kept]


def _in_range(created_at: ColumnElement[Any], wanted: TimeRange) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.start is not None:
        conditions.append(created_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(created_at < wanted.end)
    return conditions


def _bigint(value: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as an integer: Postgres' are of the type numeric."""
    return cast(value, BigInteger)
