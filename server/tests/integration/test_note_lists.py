"""Lists against what a plain look at all notes finds, whatever has happened to the notes before."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update
from support.app import NOON, Account, make_account
from support.notes import make_note

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.pages import PageRequest
from vocafuse_server.notes.count_queries import fold_note_counts
from vocafuse_server.notes.filters import NoteFilter, Owner, TimeRange
from vocafuse_server.notes.list_queries import list_notes
from vocafuse_server.notes.models import Note, NoteStatus, note_count_changes, note_counts, note_tags

IDENTITIES = [None, "ann", "bob"]
TAGS: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "2", "b": "x=y"}, {"b": "x=y"}]
PLAIN_TAGS: list[tuple[str, ...]] = [(), ("a",), ("a", "b"), ("%",)]
TITLES = ["A note", "100%", "under_score", "Größe"]
EVERYTHING = PageRequest(0, 100)


@dataclass(frozen=True)
class Known:
    """A note as the test remembers it."""

    account: int
    created_at: datetime
    status: NoteStatus
    identity: str | None
    tags: dict[str, str]
    source_url: str | None
    plain_tags: tuple[str, ...]
    title: str
    deleted: bool = False

    def is_listed(self, wanted: NoteFilter) -> bool:
        """Whether a list that is narrowed by the status alone has the note."""
        if self.deleted:
            return False
        if self.status is NoteStatus.CREATED:
            asked_for = wanted.waiting if wanted.status is None else wanted.status is NoteStatus.CREATED
            return asked_for and self.source_url is not None
        return wanted.status in (None, self.status)


@dataclass(frozen=True)
class Step:
    """Something that happens to the notes; `place` chooses which."""

    kind: str
    place: int
    note: Known


# Hours around three midnights, so that some notes are of the same moment.
moments = st.integers(0, 60).map(lambda hour: NOON + timedelta(hours=hour))
notes = st.builds(
    Known,
    account=st.integers(0, 1),
    created_at=moments,
    status=st.sampled_from(NoteStatus),
    identity=st.sampled_from(IDENTITIES),
    tags=st.sampled_from(TAGS),
    source_url=st.sampled_from([None, "https://example.com/a.wav"]),
    plain_tags=st.sampled_from(PLAIN_TAGS),
    title=st.sampled_from(TITLES),
)
kinds = st.sampled_from(["add", "add", "add", "change", "touch", "remove", "put away", "change all", "fold"])
steps = st.builds(Step, kind=kinds, place=st.integers(0, 30), note=notes)
filters = st.builds(
    NoteFilter,
    status=st.none() | st.sampled_from(NoteStatus),
    created=st.just(TimeRange()) | st.builds(TimeRange, st.none() | moments, st.none() | moments),
    tags=st.sampled_from(TAGS),
    words=st.none(),
    title_part=st.none() | st.sampled_from(["a", "%", "_", "ß"]),
    plain_tags=st.just(()) | st.sampled_from(PLAIN_TAGS),
    waiting=st.booleans(),
)
questions = st.tuples(
    st.sampled_from(IDENTITIES), filters, st.builds(PageRequest, st.integers(0, 4), st.integers(1, 5))
)


async def apply(
    database: Database, accounts: Sequence[Account], known: dict[NoteId, Known], step: Step
) -> None:
    """Let the step happen, in the database and in what the test remembers."""
    new = step.note
    async with database.transaction() as session:
        if step.kind == "add":
            note_id = await make_note(
                session,
                accounts[new.account].id,
                created_at=new.created_at,
                status=new.status,
                identity=new.identity,
                tags=new.tags,
                source_url=new.source_url,
                plain_tags=new.plain_tags,
                title=new.title,
            )
            known[note_id] = new
        elif step.kind == "fold":
            await fold_note_counts(session)
        elif step.kind == "change all":
            await session.execute(update(Note).values(status=new.status))
            known |= {note_id: replace(note, status=new.status) for note_id, note in known.items()}
        elif known:
            note_id = sorted(known)[step.place % len(known)]
            if step.kind == "remove":
                await session.execute(delete(Note).where(Note.id == note_id))
                del known[note_id]
            elif step.kind == "touch":
                await session.execute(update(Note).where(Note.id == note_id).values(language="en"))
            elif step.kind == "put away":
                await session.execute(update(Note).where(Note.id == note_id).values(deleted_at=NOON))
                known[note_id] = replace(known[note_id], deleted=True)
            else:
                changed = {
                    "status": new.status,
                    "custom_tags": new.tags or None,
                    "identity": new.identity,
                    "source_url": new.source_url,
                    "tags": list(new.plain_tags),
                    "title": new.title,
                }
                await session.execute(update(Note).where(Note.id == note_id).values(changed))
                old = known[note_id]
                known[note_id] = replace(
                    new, account=old.account, created_at=old.created_at, deleted=old.deleted
                )


def wanted_ids(
    known: dict[NoteId, Known], account: int, identity: str | None, wanted: NoteFilter
) -> list[NoteId]:
    start, end = wanted.created.start, wanted.created.end
    found = [
        (note.created_at, note_id)
        for note_id, note in known.items()
        if note.account == account
        and note.is_listed(wanted)
        and identity in (None, note.identity)
        and (start is None or start <= note.created_at)
        and (end is None or note.created_at < end)
        and wanted.tags.items() <= note.tags.items()
        and (wanted.title_part or "").lower() in note.title.lower()
        and set(wanted.plain_tags) <= set(note.plain_tags)
    ]
    return [note_id for _, note_id in sorted(found, reverse=True)]


@given_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(steps, max_size=15), asked=st.lists(questions, min_size=1, max_size=5))
async def test_pages_and_totals_are_those_of_a_plain_look(
    database: Database,
    history: list[Step],
    asked: list[tuple[str | None, NoteFilter, PageRequest]],
) -> None:
    async with database.transaction() as session:
        await session.execute(delete(Note))
    accounts = [await make_account(database), await make_account(database)]
    known: dict[NoteId, Known] = {}
    for step in history:
        await apply(database, accounts, known, step)
    for account in (0, 1):
        for identity, wanted, page in asked:
            expected = wanted_ids(known, account, identity, wanted)
            async with database.transaction() as session:
                found = await list_notes(session, Owner(accounts[account].id, identity), wanted, page)
            assert found.total == len(expected)
            assert [note.id for note in found.items] == expected[page.offset : page.offset + page.limit]


async def test_what_is_kept_beside_the_notes_goes_with_them(database: Database, account: Account) -> None:
    async with database.transaction() as session:
        for hour in range(3):
            at = NOON + timedelta(hours=hour)
            await make_note(session, account.id, created_at=at, identity="ann", tags={"a": str(hour)})
        await fold_note_counts(session)
        assert await session.scalar(select(func.count()).select_from(note_counts)) == 5
        await session.execute(text("DELETE FROM tenants"))
    async with database.transaction() as session:
        await fold_note_counts(session)
        for table in (note_counts, note_count_changes, note_tags):
            assert await session.scalar(select(func.count()).select_from(table)) == 0


async def test_totals_stay_exact_while_many_write_and_counts_are_folded(
    database: Database, account: Account
) -> None:
    async def write(number: int) -> None:
        for _ in range(5):
            async with database.transaction() as session:
                note_id = await make_note(
                    session, account.id, created_at=NOON, status=NoteStatus.PROCESSING, tags={"a": "1"}
                )
            async with database.transaction() as session:
                await session.execute(
                    update(Note).where(Note.id == note_id).values(status=NoteStatus.TRANSCRIBED)
                )
            if number % 2:
                async with database.transaction() as session:
                    await session.execute(delete(Note).where(Note.id == note_id))

    async def fold() -> None:
        for _ in range(10):
            async with database.transaction() as session:
                await fold_note_counts(session)

    await asyncio.gather(*(write(number) for number in range(6)), fold(), fold())
    owner = Owner(account.id, None)
    for wanted in (NoteFilter(), NoteFilter(NoteStatus.TRANSCRIBED), NoteFilter(tags={"a": "1"})):
        async with database.transaction() as session:
            page = await list_notes(session, owner, wanted, EVERYTHING)
        assert (page.total, len(page.items)) == (15, 15)
    async with database.transaction() as session:
        page = await list_notes(session, owner, NoteFilter(NoteStatus.PROCESSING), EVERYTHING)
    assert (page.total, list(page.items)) == (0, [])


async def test_a_page_and_its_total_are_of_one_moment(database: Database, account: Account) -> None:
    async with database.transaction() as session:
        await make_note(session, account.id, created_at=NOON)
    async with database.transaction() as reading:
        first = await list_notes(reading, Owner(account.id, None), NoteFilter(), EVERYTHING)
        async with database.transaction() as writing:
            await make_note(writing, account.id, created_at=NOON)
        again = await reading.scalar(select(func.count()).select_from(Note))
    assert (first.total, again) == (1, 1)


async def test_a_truncated_table_has_no_notes(database: Database, account: Account) -> None:
    async with database.transaction() as session:
        await make_note(session, account.id, created_at=NOON)
    async with database.transaction() as session:
        await session.execute(text("TRUNCATE notes CASCADE"))
    async with database.transaction() as session:
        assert (await list_notes(session, Owner(account.id, None), NoteFilter(), EVERYTHING)).total == 0
