"""v1's lists of notes: how they are narrowed, and a page of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request

from vocafuse_server.core.errors import InvalidField
from vocafuse_server.core.pages import DEFAULT_LIMIT, PageRequest
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import PageLimit, ShortText
from vocafuse_server.dialects.routing import NoteReader
from vocafuse_server.dialects.v1.fields import Moment, PageNumber, parse_before, parse_from
from vocafuse_server.dialects.v1.pages import page_body
from vocafuse_server.dialects.v1.schemas import note_body
from vocafuse_server.dialects.v1.vocabulary import Spelling
from vocafuse_server.notes import list_queries
from vocafuse_server.notes.filters import NoteFilter, TimeRange, owner_of
from vocafuse_server.notes.models import NoteStatus
from vocafuse_server.notes.tags import check_wanted_tags

_STATUS = {
    "processing": NoteStatus.PROCESSING,
    "transcribed": NoteStatus.TRANSCRIBED,
    "completed": NoteStatus.TRANSCRIBED,
    "failed": NoteStatus.FAILED,
}
StatusFilter = Literal["processing", "transcribed", "completed", "failed"]
SortOrder = Literal["newest", "relevance"]
_TAG = "tag."
# OpenAPI has no name for "any parameter that begins with `tag.`"; an exploded object comes to the same.
TAG_FILTERS: dict[str, Any] = {
    "parameters": [
        {
            "name": "tag",
            "in": "query",
            "required": False,
            "style": "form",
            "explode": True,
            "description": "`tag.<key>=<value>`: only notes with this custom tag; several must all match",
            "schema": {
                "type": "object",
                "patternProperties": {
                    "^tag\\.[A-Za-z0-9_-]{1,32}$": {"type": "string", "maxLength": 128},
                },
                "additionalProperties": False,
            },
        }
    ]
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list is narrowed to, and how the client spelled it."""

    wanted: NoteFilter
    user_id: str | None
    spelled: Mapping[str, str]


async def _list_query(
    request: Request,
    status: Annotated[StatusFilter | None, Query()] = None,
    date_from: Annotated[Moment | None, Query(description="ISO 8601 date or date-time")] = None,
    date_to: Annotated[Moment | None, Query(description="ISO 8601; a date includes that whole day")] = None,
    user_id: Annotated[
        ShortText | None, Query(description="Only this user's; ignored under an access token")
    ] = None,
    q: Annotated[
        ShortText | None,
        Query(
            description="Words that title and transcription hold, in any case, order and inflection;"
            ' "quoted words" together, `-without`, one `or` another, `begin*`'
        ),
    ] = None,
    sort: Annotated[
        SortOrder | None, Query(description="`relevance`: with `q`, the best come first. Default: `newest`")
    ] = None,
) -> ListQuery:
    tags = {name: value for name, value in request.query_params.items() if name.startswith(_TAG)}
    named = {"status": status, "date_from": date_from, "date_to": date_to, "user_id": user_id}
    named |= {"q": q, "sort": sort}
    wanted = NoteFilter(
        status=_STATUS[status] if status else None,
        created=_time_range(date_from, date_to),
        tags=check_wanted_tags({name.removeprefix(_TAG): value for name, value in tags.items()}, prefix=_TAG),
        words=q,
        best_first=sort == "relevance",
    )
    spelled = {name: value for name, value in named.items() if value is not None}
    return ListQuery(wanted, user_id, {**spelled, **tags})


def _time_range(date_from: str | None, date_to: str | None) -> TimeRange:
    start = parse_from("date_from", date_from) if date_from is not None else None
    end = parse_before("date_to", date_to) if date_to is not None else None
    if start and end and start >= end:
        raise InvalidField("date_from", "must not be after date_to", value=date_from)
    return TimeRange(start, end)


async def list_notes(
    session: Session,
    context: Context,
    caller: NoteReader,
    words: Spelling,
    query: Annotated[ListQuery, Depends(_list_query)],
    page: PageNumber = 0,
    limit: PageLimit = DEFAULT_LIMIT,
) -> dict[str, object]:
    """List the notes whose audio has arrived, newest first. With `q`, each says where it has the words."""
    owner = owner_of(caller).narrowed_to(query.user_id)
    found = await list_queries.list_notes(session, owner, query.wanted, PageRequest(page, limit))
    matches = await list_queries.find_matches(session, owner, query.wanted, found.items)
    return page_body(
        found,
        collection=words.collection,
        items=[
            note_body(note, words, bucket=context.objects.bucket, match=matches.get(note.id))
            for note in found.items
        ],
        path=words.path,
        filters=query.spelled,
    )
