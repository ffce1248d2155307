"""Reading notes and what is said in them."""

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.reading import RowReader
from vocafuse_server.notes import queries
from vocafuse_server.notes.errors import TranscriptionFailed, TranscriptionNotReady, existing
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.models import Note, NoteStatus, ShownNote, TranscriptionRow


async def get_note(session: AsyncSession, owner: Owner, note_id: NoteId | None) -> Note:
    """One note.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    return existing(await queries.find_note(session, owner, note_id) if note_id else None)


async def get_shown_note(rows: RowReader, owner: Owner, note_id: NoteId | None) -> ShownNote:
    """What is shown of one note, at a fraction of what `get_note` costs.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    return existing(await queries.find_shown_note(rows, owner, note_id) if note_id else None)


async def get_newest_transcription(
    session: AsyncSession, owner: Owner, note_id: NoteId | None
) -> tuple[Note, TranscriptionRow]:
    """A note and its newest transcription, also while another one is made and when that has failed.

    Raises:
        NoteNotFound: This owner has no such note.
        TranscriptionNotReady, TranscriptionFailed: There is none yet, or there will be none.
    """
    note = await get_note(session, owner, note_id)
    return note, _ready(note, await queries.find_transcription(session, note.id))


async def find_settled_transcription(session: AsyncSession, note: Note) -> TranscriptionRow | None:
    """The transcription of a note that is transcribed; None while another one is made, and when it failed."""
    if note.status is not NoteStatus.TRANSCRIBED:
        return None
    return await queries.find_transcription(session, note.id)


async def get_settled_transcription(
    session: AsyncSession, owner: Owner, note_id: NoteId | None
) -> tuple[Note, TranscriptionRow]:
    """A note that is transcribed, and its transcription.

    Raises:
        NoteNotFound: This owner has no such note.
        TranscriptionNotReady, TranscriptionFailed: It isn't transcribed, or will not be.
    """
    note = await get_note(session, owner, note_id)
    return note, _ready(note, await find_settled_transcription(session, note))


def _ready(note: Note, found: TranscriptionRow | None) -> TranscriptionRow:
    if found is not None:
        return found
    if note.status is NoteStatus.FAILED:
        raise TranscriptionFailed(
            f"The transcription failed: {note.failure_message}",
            details={"reason": note.failure_message, "failure_code": note.failure_code},
        )
    raise TranscriptionNotReady
