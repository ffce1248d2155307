"""Pages and totals of lists of 1,000, 100,000 and 1,000,000 notes of one tenant, on an embedded Postgres.

Fills a database of its own, lets it settle (fold, VACUUM ANALYZE), and times what every list of the API is:
`list_notes`, with the total, the place of the page and the notes on it; and, of that, what Postgres takes to
plan and run the statements. The bar, against the list of 1,000 notes: first and filtered pages 3 times the
time, deep pages 10 times.

    python -m bench.pagination [--sizes 1000,100000,1000000] [--runs 30] [--plans] [--json]
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from bench.database import FILLS_FAST, database
from vocafuse_server.core.database import sqlalchemy_url
from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.pages import Page, PageRequest
from vocafuse_server.notes.count_queries import fold_note_counts
from vocafuse_server.notes.filters import NoteFilter, Owner, TimeRange
from vocafuse_server.notes.list_queries import list_notes
from vocafuse_server.notes.models import Note, NoteStatus

YEAR_END = datetime(2026, 1, 1, tzinfo=timezone.utc)
LIMIT = 50
PAGE_BAR, DEEP_BAR = 3, 10
_WARM_UP_RUNS = 8  # After five, Postgres may settle on a plan that fits all values.
_ROWS_A_STATEMENT = 100_000

# One note of 20 is of `user_0`, one of 10 has the tag project=p0, one of 50 has failed, and each has a tag
# of its own; all are spread over one year.
_FILL = """
INSERT INTO notes (id, tenant_id, identity, status, original_filename, audio_key, file_size_bytes,
    audio_format, audio_codec, duration_seconds, sample_rate, channels, bit_rate,
    custom_tags, upload_source, client_ip, user_agent, created_at, updated_at, processed_at)
SELECT gen_random_uuid(), %(tenant)s::uuid, 'user_' || i %% 20,
    CASE WHEN i %% 50 = 7 THEN 'failed' WHEN %(unfinished)s::bool AND i %% 500 = 9 THEN 'processing'
        ELSE 'transcribed' END,
    'voicenote-' || i || '.webm', i || '.webm', 250000, 'webm', 'opus', 16.45, 48000, 1, 32000,
    jsonb_build_object('project', 'p' || i %% 10, 'jobId', 'job_' || i), 'recorder', '192.0.2.7',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', at, at, at
FROM (
  SELECT i, %(end)s::timestamptz - i * (interval '365 days' / %(size)s) AS at
  FROM generate_series(%(first)s::int, %(last)s::int) AS i
) AS numbers
"""


@dataclass(frozen=True)
class Case:
    """A list that is asked for; `depth` is where in it the page is, 0 to 1."""

    name: str
    wanted: NoteFilter = field(default_factory=NoteFilter)
    identity: str | None = None
    depth: float = 0

    @property
    def bar(self) -> int:
        return DEEP_BAR if self.depth else PAGE_BAR


def _days(first: float, end: float) -> TimeRange:
    return TimeRange(YEAR_END - timedelta(days=first), YEAR_END - timedelta(days=end))


PROJECT = {"project": "p0"}
CASES = [
    Case("first page"),
    Case("status=transcribed", NoteFilter(status=NoteStatus.TRANSCRIBED)),
    Case("status=failed", NoteFilter(status=NoteStatus.FAILED)),
    Case("status=processing", NoteFilter(status=NoteStatus.PROCESSING)),
    Case("user_id", identity="user_0"),
    Case("tag", NoteFilter(tags=PROJECT)),
    Case("tag of one note", NoteFilter(tags={"jobId": "job_500"})),
    Case("dates, a month long ago", NoteFilter(created=_days(300, 270))),
    Case("date-times, 10.5 days long ago", NoteFilter(created=_days(300.25, 289.75))),
    Case("status and dates", NoteFilter(status=NoteStatus.FAILED, created=_days(300, 200))),
    Case("tag and status", NoteFilter(status=NoteStatus.FAILED, tags={"project": "p7"})),
    Case("user_id, status and dates", NoteFilter(NoteStatus.FAILED, _days(300, 200)), identity="user_7"),
    Case("deep page, a quarter down", depth=0.25),
    Case("deep page, half down", depth=0.5),
    Case("last page", depth=1),
    Case("status, half down", NoteFilter(status=NoteStatus.TRANSCRIBED), depth=0.5),
    Case("user_id, half down", identity="user_0", depth=0.5),
    Case("tag, half down", NoteFilter(tags=PROJECT), depth=0.5),
]


@dataclass(frozen=True)
class Times:
    """Medians: of `list_notes` with its transaction, and of Postgres planning and running its statements."""

    whole_ms: float
    in_postgres_ms: float


@dataclass(frozen=True)
class Result:
    case: Case
    times: list[Times]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--sizes", default="1000,100000,1000000")
    options.add_argument("--runs", type=int, default=30)
    options.add_argument("--plans", action="store_true", help="print the query plans of the longest list")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")]
    with database(FILLS_FAST) as url:
        asyncio.run(run(url, sizes, chosen))


async def run(url: str, sizes: list[int], chosen: argparse.Namespace) -> None:
    tenants = [TenantId(uuid4()) for _ in sizes]
    for size, tenant in zip(sizes, tenants, strict=True):
        seconds = fill(url, tenant, size, unfinished=True)
        print(f"{size:>9,} notes written in {seconds:.1f} s, with counts and tags", file=sys.stderr)
    async with opened(url) as engine:
        async with AsyncSession(engine) as session, session.begin():
            await fold_note_counts(session)
        settle(url)
        results = [
            Result(case, [await measure(engine, url, tenant, case, chosen.runs) for tenant in tenants])
            for case in CASES
        ]
        if chosen.json:
            print(json.dumps([asdict(result) for result in results], default=str))
        else:
            report(sizes, results)
        if chosen.plans:
            for case in CASES:
                await print_plans(engine, url, tenants[-1], case)


def fill(url: str, tenant: TenantId, size: int, *, unfinished: bool) -> float:
    """Write so many notes, and their tenant if it is new; the seconds that it took.

    Args:
        unfinished: Some are "processing"; a server that runs would take them up, and find no audio.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (%s, '', 'pro', %s, %s)"
            " ON CONFLICT DO NOTHING",
            [tenant, YEAR_END, YEAR_END],
        )
        started = time.perf_counter()
        for first in range(1, size + 1, _ROWS_A_STATEMENT):
            last = min(first + _ROWS_A_STATEMENT - 1, size)
            numbers = {"size": size, "first": first, "last": last, "end": YEAR_END}
            connection.execute(_FILL, {"tenant": str(tenant), "unfinished": unfinished} | numbers)
        return time.perf_counter() - started


def settle(url: str) -> None:
    """Do what autovacuum does sooner or later."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(url), pool_size=1)
    yield engine
    await engine.dispose()


async def list_once(engine: AsyncEngine, tenant: TenantId, case: Case, number: int) -> Page[Note]:
    async with AsyncSession(engine) as session, session.begin():
        owner = Owner(tenant, case.identity)
        return await list_notes(session, owner, case.wanted, PageRequest(number, LIMIT))


async def page_number(engine: AsyncEngine, tenant: TenantId, case: Case) -> int:
    total = (await list_once(engine, tenant, case, 0)).total
    return int(case.depth * max(0, (total - 1) // LIMIT))


async def measure(engine: AsyncEngine, url: str, tenant: TenantId, case: Case, runs: int) -> Times:
    number = await page_number(engine, tenant, case)
    whole_ms: list[float] = []
    for attempt in range(_WARM_UP_RUNS + runs):
        started = time.perf_counter()
        await list_once(engine, tenant, case, number)
        if attempt >= _WARM_UP_RUNS:
            whole_ms.append((time.perf_counter() - started) * 1000)
    statements = await statements_of(engine, tenant, case, number)
    in_postgres_ms = [sum(explained_ms(url, statements)) for _ in range(runs)]
    return Times(statistics.median(whole_ms), statistics.median(in_postgres_ms))


async def statements_of(
    engine: AsyncEngine, tenant: TenantId, case: Case, number: int
) -> list[tuple[str, Any]]:
    """What the case sends to Postgres, with its values."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        sent.append((sql, values))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    await list_once(engine, tenant, case, number)
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    return sent


def explained_ms(url: str, statements: list[tuple[str, Any]]) -> Iterator[float]:
    with psycopg.connect(url) as connection:
        for sql, values in statements:
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}".encode()
            for [[told]] in connection.execute(explain, values):
                yield told["Planning Time"] + told["Execution Time"]


def report(sizes: list[int], results: list[Result]) -> None:
    columns = "".join(f"{size:>11,}" for size in sizes) + "   ratio"
    print(f"{'page of 50, median ms':34}{columns} |{columns}   of Postgres alone, bar")
    for result in results:
        whole = [times.whole_ms for times in result.times]
        alone = [times.in_postgres_ms for times in result.times]
        held = "held" if whole[-1] <= whole[0] * result.case.bar else "MISSED"
        print(f"{result.case.name:34}{_row(whole)} |{_row(alone)}   {result.case.bar}: {held}")


def _row(times_ms: list[float]) -> str:
    return "".join(f"{one:11.2f}" for one in times_ms) + f"{times_ms[-1] / times_ms[0]:8.2f}"


async def print_plans(engine: AsyncEngine, url: str, tenant: TenantId, case: Case) -> None:
    number = await page_number(engine, tenant, case)
    print(f"\n== {case.name}, page {number:,}")
    with psycopg.connect(url) as connection:
        for sql, values in await statements_of(engine, tenant, case, number):
            explain = f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) {sql}".encode()
            print("\n".join(line for (line,) in connection.execute(explain, values)) + "\n")


if __name__ == "__main__":
    main()
