"""SQL of lists: a page of notes, and how many there are in all.

Lists whose notes `count_queries.py` counts are counted off from there; those narrowed further are
counted note by note.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import see_one_moment
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.notes import search_queries
from vocafuse_server.notes.count_queries import (
    days_of_page,
    entries_of,
    is_counted,
    is_in_lists,
    is_in_range,
    wanted_statuses,
)
from vocafuse_server.notes.filters import NoteFilter, Owner
from vocafuse_server.notes.models import Note, note_tags
from vocafuse_server.notes.page_slices import slice_of
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
    if is_counted(owner, wanted):
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


async def _count_off(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[Sequence[Note], int]:
    days, total = await days_of_page(session, owner, wanted, offset=offset, limit=limit)
    if not days:
        return [], total
    part = slice_of(days, offset=offset, limit=limit, created=wanted.created)
    entries = entries_of(owner, wanted, part.created)
    order = (entries.c.created_at, entries.c.id)
    if part.newest_first:
        order = (order[0].desc(), order[1].desc())
    places = select(entries.c.id).order_by(*order).offset(part.skip).limit(part.take)
    return await _read(session, places), total


async def _count_and_read(
    session: AsyncSession, owner: Owner, wanted: NoteFilter, *, offset: int, limit: int
) -> tuple[Sequence[Note], int]:
    conditions = [
        Note.tenant_id == owner.tenant_id,
        or_(*(and_(Note.status == status, *is_in_lists(status)) for status in wanted_statuses(wanted))),
        *_narrowed(wanted),
        *is_in_range(Note.__table__.c.created_at, wanted.created),
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
