"""v1's changes to a note: title and tags, deleting with a while to think again, and restoring."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BeforeValidator, ConfigDict, Field

from vocafuse_server.core.errors import InvalidRequest
from vocafuse_server.core.ids import NoteId, parse_id
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import RequestBody, ShortText, Tags, whole_number, within
from vocafuse_server.dialects.routing import NoteWriter
from vocafuse_server.dialects.v1.schemas import NoteDetail, note_detail
from vocafuse_server.dialects.v1.vocabulary import Spelling
from vocafuse_server.notes import deleting, editing
from vocafuse_server.notes.filters import owner_of
from vocafuse_server.notes.tags import check_custom_tags

MAX_UNDO_S = 86_400
UndoSeconds = Annotated[
    int,
    BeforeValidator(whole_number),
    within(0, MAX_UNDO_S),
    Field(json_schema_extra={"minimum": 0, "maximum": MAX_UNDO_S}),
]
_FIELDS = ("title", "tags", "custom_tags")


class NoteUpdate(RequestBody):
    """At least one of the three is needed; each replaces what there was."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in _FIELDS]})

    title: ShortText | None = None
    tags: Tags | None = None
    custom_tags: dict[str, Any] | None = None


async def update_note(
    note_id: str, body: NoteUpdate, session: Session, context: Context, caller: NoteWriter, words: Spelling
) -> NoteDetail:
    """Change a note's title, tags or custom tags; what isn't given stays as it is."""
    custom_tags = None if body.custom_tags is None else check_custom_tags(body.custom_tags)
    changes = editing.NoteChanges(title=body.title, tags=body.tags, custom_tags=custom_tags)
    if not changes.values():
        raise InvalidRequest(f"There is nothing to change: name {', '.join(_FIELDS)}.")
    note = await editing.update_note(
        session, owner_of(caller), parse_id(NoteId, note_id), changes, now=context.clock()
    )
    return note_detail(note, words, bucket=context.objects.bucket)


async def delete_note(
    note_id: str,
    session: Session,
    context: Context,
    caller: NoteWriter,
    undo_seconds: Annotated[
        UndoSeconds, Query(description="For how long `restore` brings it back; then it is gone for good")
    ] = 0,
) -> Response:
    """Delete a note, its audio and its transcription, for good."""
    owner, known_id, now = owner_of(caller), parse_id(NoteId, note_id), context.clock()
    if undo_seconds:
        undo = timedelta(seconds=undo_seconds)
        await deleting.put_away_for_a_while(session, context.queue, owner, known_id, undo=undo, now=now)
    else:
        await deleting.delete_note(session, context.queue, owner, known_id, now=now)
    return Response(status_code=204)


async def restore_note(
    note_id: str, session: Session, context: Context, caller: NoteWriter, words: Spelling
) -> NoteDetail:
    """Bring back a note that was deleted with `undo_seconds`, or through v2, and is still kept."""
    note = await deleting.restore_note(
        session, context.queue, owner_of(caller), parse_id(NoteId, note_id), now=context.clock()
    )
    return note_detail(note, words, bucket=context.objects.bucket)
