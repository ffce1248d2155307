"""Notes as things that are filed: made of audio that is somewhere already, retitled, tagged, put away."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.database import JsonObject
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue, Queue, Task
from vocafuse_server.notes import queries, service
from vocafuse_server.notes.errors import TranscriptionNotReady, existing
from vocafuse_server.notes.filters import Owner
from vocafuse_server.notes.intake import ArrivedAudio
from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow
from vocafuse_server.storage.objects import Objects


@dataclass(frozen=True, slots=True)
class NoteChanges:
    """What to change of a note; None leaves as it is, the rest is replaced."""

    title: str | None = None
    tags: list[str] | None = None
    metadata: JsonObject | None = field(default=None)
    custom_tags: Mapping[str, str] | None = None

    def values(self) -> dict[str, object]:
        """The columns that change."""
        named = {"title": self.title, "tags": self.tags, "free_metadata": self.metadata}
        changed: dict[str, object] = {name: value for name, value in named.items() if value is not None}
        if self.custom_tags is not None:
            changed["custom_tags"] = dict(self.custom_tags) or None  # A note without any has none.
        return changed


async def file_note(
    session: AsyncSession,
    objects: Objects,
    queue: JobQueue,
    new: service.NewNote,
    audio: ArrivedAudio | None,
    *,
    now: datetime,
) -> Note:
    """A note that nobody has asked to transcribe yet, with its audio if that is there already.

    Nobody else can see the note while the object gets its name; why that happens in the transaction,
    `finish_upload` says.
    """
    note = await service.create_note(session, new, now=now)
    if audio is None:
        return note
    await objects.rename(audio.key, note.audio_key)
    await service.attach_audio(session, note, audio, now=now)
    await service.note_audio(session, queue, note, audio, now=now)
    return note


async def update_note(
    session: AsyncSession, owner: Owner, note_id: NoteId | None, changes: NoteChanges, *, now: datetime
) -> Note:
    """Change what a client may change of a note.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    details = changes.values()
    return existing(
        await queries.change_details(session, owner, note_id, details, now=now) if note_id else None
    )


async def put_away(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> None:
    """Delete a note so that nobody finds it any more, but keep its data.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.put_note_away(session, owner, note_id, now=now) if note_id else None)
    await service.announce_deletion(session, queue, note, now=now)


async def put_away_for_a_while(
    session: AsyncSession,
    queue: JobQueue,
    owner: Owner,
    note_id: NoteId | None,
    *,
    undo: timedelta,
    now: datetime,
) -> None:
    """Delete a note for good, but not at once: for a while it can be restored. Then webhooks hear of it.

    Raises:
        NoteNotFound: This owner has none with this id.
    """
    note = existing(await queries.put_note_away(session, owner, note_id, now=now) if note_id else None)
    await queue.enqueue(
        session,
        Task.PURGE_NOTE,
        queue=Queue.MAINTENANCE,
        at=now + undo,
        note_id=str(note.id),
        deleted_at=now.isoformat(),
    )


async def restore_note(
    session: AsyncSession, queue: JobQueue, owner: Owner, note_id: NoteId | None, *, now: datetime
) -> Note:
    """Let a deleted note that is still kept be found again; one that isn't deleted stays as it is.

    Raises:
        NoteNotFound: This owner has none with this id, or it is gone for good.
    """
    restored = note_id and await queries.restore_note(session, owner, note_id, now=now)
    if not restored:
        return await service.get_note(session, owner, note_id)
    if restored.status is NoteStatus.PROCESSING:
        await service.enqueue_run(session, queue, restored)
    return restored


async def find_transcript(session: AsyncSession, note: Note) -> TranscriptionRow | None:
    """The text of a note that is transcribed; None while it is transcribed anew, and after a failure."""
    if note.status is not NoteStatus.TRANSCRIBED:
        return None
    return await queries.find_transcription(session, note.id)


async def get_transcript(
    session: AsyncSession, owner: Owner, note_id: NoteId | None
) -> tuple[Note, TranscriptionRow]:
    """A transcribed note and its text.

    Raises:
        NoteNotFound: This owner has no such note.
        TranscriptionNotReady, TranscriptionFailed: It isn't transcribed, or will not be.
    """
    note = await service.get_note(session, owner, note_id)
    found = await find_transcript(session, note)
    if found is not None:
        return note, found
    service.raise_if_failed(note)
    raise TranscriptionNotReady
