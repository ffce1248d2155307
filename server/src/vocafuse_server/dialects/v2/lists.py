"""v2's list of notes: how it is narrowed."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator, Field, StringConstraints

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.pages import DEFAULT_LIMIT
from vocafuse_server.dialects.context import Session
from vocafuse_server.dialects.fields import MAX_TAG_LENGTH, MAX_TAGS, PRINTABLE, PageLimit, printable
from vocafuse_server.dialects.routing import NoteReader
from vocafuse_server.dialects.upload_details import PublicBase
from vocafuse_server.dialects.v2.fields import (
    Offset,
    WorkspaceText,
    parse_workspace_id,
    split_tags,
)
from vocafuse_server.dialects.v2.schemas import STATUS_NAMES, Status, VoiceNotesAnswer, voice_note
from vocafuse_server.notes import list_queries
from vocafuse_server.notes.filters import NoteFilter, owner_of

_STATUSES = {name: status for status, name in STATUS_NAMES.items()}
# As long as all tags of a note together.
TagList = Annotated[
    str,
    StringConstraints(max_length=MAX_TAGS * (MAX_TAG_LENGTH + 1)),
    AfterValidator(printable),
    Field(json_schema_extra=PRINTABLE),
]
SearchText = Annotated[
    str, StringConstraints(max_length=255), AfterValidator(printable), Field(json_schema_extra=PRINTABLE)
]


def _wanted_tags(text: str) -> list[str]:
    tags = split_tags(text)
    if len(tags) > MAX_TAGS:
        raise InvalidField("tags", f"must name at most {MAX_TAGS} tags, as no note has more")
    return tags


async def list_voice_notes(
    session: Session,
    caller: NoteReader,
    base_url: PublicBase,
    search: Annotated[SearchText, Query(description="A part of the title, in any case")] = "",
    tags: Annotated[TagList, Query(description="Comma-separated; notes that have all of them")] = "",
    status: Annotated[Status | None, Query()] = None,
    workspaceId: Annotated[WorkspaceText | None, Query()] = None,  # noqa: N803 - published so
    limit: PageLimit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> VoiceNotesAnswer:
    """List your voice notes, newest first."""
    wanted = NoteFilter(
        status=_STATUSES[status] if status else None,
        title_part=search or None,
        plain_tags=_wanted_tags(tags),
        workspace_id=parse_workspace_id(workspaceId),
        waiting=True,
    )
    notes, total = await list_queries.find_notes(
        session, owner_of(caller), wanted, offset=offset, limit=limit
    )
    found = [voice_note(note, base_url=base_url) for note in notes]
    return VoiceNotesAnswer(voiceNotes=found, total=total, limit=limit, offset=offset)
