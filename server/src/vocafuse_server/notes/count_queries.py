"""SQL of counted lists: of how many notes each day has, and where in an index they stand.

Notes of a tenant, of one of its users, or with one tag, of whatever status and dates, are counted by
`note_counts` and stand in the order of an index, so that a page of any depth is found in about the same time.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    Select,
    Subquery,
    cast,
    delete,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.notes.filters import NoteFilter, Owner, TimeRange
from vocafuse_server.notes.models import (
    LISTED,
    Note,
    NoteStatus,
    note_count_changes,
    note_counts,
    note_tags,
)
from vocafuse_server.notes.page_slices import DayCount, span_of


def is_counted(owner: Owner, wanted: NoteFilter) -> bool:
    """Whether it is known how many notes each day has."""
    facets = len(wanted.tags) + (owner.identity is not None)
    looked_for = (wanted.words, wanted.title_part, wanted.workspace_id)
    return facets <= 1 and not wanted.plain_tags and all(one is None for one in looked_for)


async def days_of_page(
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


def entries_of(owner: Owner, wanted: NoteFilter, created: TimeRange) -> Subquery:
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
                *([] if wanted.tags else is_in_lists(status)),
                *is_in_range(table.c.created_at, created),
            )
            for status in wanted_statuses(wanted)
        )
    ).subquery()


def wanted_statuses(wanted: NoteFilter) -> tuple[NoteStatus, ...]:
    """The statuses of notes that a list may hold."""
    if wanted.status is not None:
        return (wanted.status,)
    return tuple(NoteStatus) if wanted.waiting else LISTED


def is_in_lists(status: NoteStatus) -> list[ColumnElement[bool]]:
    """That a note with this status is in lists, as the triggers see it."""
    is_kept = Note.deleted_at.is_(None)
    # What waits for a client's upload is no note yet.
    return [is_kept, Note.source_url.is_not(None)] if status is NoteStatus.CREATED else [is_kept]


def is_in_range(created_at: ColumnElement[Any], wanted: TimeRange) -> list[ColumnElement[bool]]:
    """That a time is in a range; half-open, as `TimeRange` is."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.start is not None:
        conditions.append(created_at >= wanted.start)
    if wanted.end is not None:
        conditions.append(created_at < wanted.end)
    return conditions


def _counts(owner: Owner, wanted: NoteFilter) -> Subquery:
    """Days and numbers of notes, for each day any number of rows to be added up."""
    span = span_of(wanted.created)
    rows: list[Select[Any, Any]] = []
    for table in (note_counts, note_count_changes):
        conditions: list[ColumnElement[bool]] = [
            table.c.tenant_id == owner.tenant_id,
            table.c.facet == _facet(owner, wanted),
            table.c.status.in_(wanted_statuses(wanted)),
        ]
        if span.first_day is not None:
            conditions.append(table.c.day >= span.first_day)
        if span.end_day is not None:
            conditions.append(table.c.day < span.end_day)
        rows.append(select(table.c.day, table.c.n).where(*conditions))
    for day, part in span.parts:
        entries = entries_of(owner, wanted, part)
        rows.append(select(literal(day, Date), func.count()).select_from(entries))
    return union_all(*rows).subquery()


def _facet(owner: Owner, wanted: NoteFilter) -> str:
    """The name of what is counted, as the triggers name it."""
    for key, value in wanted.tags.items():
        return f"tag:{key}={value}"
    return "" if owner.identity is None else f"user:{owner.identity}"


def _bigint(value: ColumnElement[Any]) -> ColumnElement[int]:
    """A sum as an integer: Postgres' are of the type numeric."""
    return cast(value, BigInteger)
