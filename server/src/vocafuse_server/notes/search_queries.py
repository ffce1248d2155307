"""SQL of searching: which notes hold some words, in the language of each, how well, and where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, cast, desc, func, select, text
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import NoteId, TenantId
from vocafuse_server.notes.models import Note, note_search
from vocafuse_server.notes.search_text import (
    HIT_END,
    HIT_START,
    Match,
    find_hits,
    parts_of,
    read_query,
    snippet_of,
    time_of,
)

# Of so many that were made last, the best come first; all others follow, newest first.
RANKED = 10_000


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched for, as Postgres understands it in each language that a tenant's notes are in.

    Attributes:
        words: As they were given.
        queries: For each text search configuration, the query without the tenant.
        scoped: All of them, each for the tenant's notes in its language.
    """

    words: str
    queries: dict[str, str]
    scoped: str


async def understand(session: AsyncSession, tenant_id: TenantId, words: str) -> Search | None:
    """What to search for; None if these words can't be in any note."""
    asked = read_query(words)
    beginnings = list(asked.beginnings.values())
    given = {"tenant": tenant_id, "words": asked.text, "beginnings": beginnings}
    queries, scoped = dict[str, str](), list[str]()
    for config, query, alternatives in await session.execute(_UNDERSTAND, given):
        for name, alternative in zip(asked.beginnings, alternatives, strict=True):
            if alternative:
                query = query.replace(f"'{name}'", f"( {alternative} )")
        queries[config] = query
        scoped.append(f"'{tenant_id}:{config}' & ( {query} )")
    return Search(words, queries, " | ".join(scoped)) if queries else None


def has_words(search: Search) -> ColumnElement[bool]:
    """That a note is among those that are found."""
    return Note.id.in_(
        select(note_search.c.note_id).where(
            note_search.c.document.bool_op("@@")(cast(search.scoped, TSQUERY))
        )
    )


def best_first(search: Search, newest: Select[Any, Any]) -> Select[NoteId]:
    """The best of these notes first, which are given newest first.

    Args:
        newest: Their ids and times.
    """
    found = newest.limit(RANKED).subquery()
    queries = cast(" | ".join(f"({query})" for query in search.queries.values()), TSQUERY)
    # 1: long notes have more words of all kinds.
    rank = func.ts_rank(note_search.c.document, queries, 1)
    return (
        select(found.c.id)
        .join(note_search, note_search.c.note_id == found.c.id)
        .order_by(desc(rank), found.c.created_at.desc(), found.c.id.desc())
    )


async def find_matches(
    session: AsyncSession, search: Search, note_ids: Sequence[NoteId]
) -> dict[NoteId, Match]:
    """Where these notes have what was searched for."""
    rows = await session.execute(
        _FIND_MATCHES,
        {
            "ids": list(note_ids),
            "configs": list(search.queries),
            "queries": list(search.queries.values()),
            "options": f"HighlightAll=true, StartSel={HIT_START}, StopSel={HIT_END}",
        },
    )
    return {row.id: _match(row, search.words) for row in rows}


def _match(row: Any, words: str) -> Match:
    title, in_title = find_hits(row.title, words)
    said, in_text = find_hits(row.said, words)
    return Match(
        title=parts_of(title, in_title) if in_title else None,
        snippet=snippet_of(said, in_text) if in_text else None,
        start_s=time_of(said, in_text[0][0], words=row.words or [], segments=row.segments or [])
        if in_text
        else None,
    )


# Each language that the tenant's notes are in is looked up in the index, and none of the notes. The beginning
# of a word stands for that word with its inflections, for any that is written so, and for any whose stem is:
# a stem can have other letters, as "haus" of "Häuser", but a shorter one would find other words as well.
_UNDERSTAND = text(
    """
    WITH RECURSIVE used (config) AS (
      (SELECT config FROM note_search WHERE tenant_id = :tenant ORDER BY config LIMIT 1)
      UNION ALL
      SELECT (
        SELECT config FROM note_search
        WHERE tenant_id = :tenant AND config > used.config ORDER BY config LIMIT 1
      )
      FROM used WHERE used.config IS NOT NULL
    )
    SELECT config, query::text, ARRAY(
      SELECT (
        websearch_to_tsquery(config::regconfig, beginning)
        || to_tsquery('simple', beginning || ':*')
        || CASE WHEN length(lexeme) >= length(beginning)
             THEN (quote_literal(lexeme) || ':*')::tsquery ELSE '' END
      )::text
      FROM unnest(CAST(:beginnings AS text[])) WITH ORDINALITY AS given (beginning, place),
        LATERAL (
          SELECT (tsvector_to_array(to_tsvector(config::regconfig, beginning)))[1] AS lexeme
        ) AS stemmed
      ORDER BY place
    ) AS alternatives
    FROM used CROSS JOIN LATERAL websearch_to_tsquery(config::regconfig, :words) AS query
    WHERE config IS NOT NULL AND numnode(query) > 0
    """
)
_FIND_MATCHES = text(
    """
    SELECT note.id, transcription.words, transcription.segments,
      ts_headline(config::regconfig, fold_for_search(note.title), query::tsquery, :options) AS title,
      ts_headline(
        config::regconfig, fold_for_search(coalesce(transcription.text, '')), query::tsquery, :options
      ) AS said
    FROM notes AS note
    JOIN note_search ON note_search.note_id = note.id
    JOIN unnest(CAST(:configs AS text[]), CAST(:queries AS text[])) AS asked (config, query) USING (config)
    LEFT JOIN transcriptions AS transcription ON transcription.note_id = note.id
    WHERE note.id = ANY (CAST(:ids AS uuid[]))
    """
).bindparams(bindparam("ids"), bindparam("configs"), bindparam("queries"))
