"""Mixed traffic and whole notes at a running server, as its notes and its tenants become more."""

import asyncio
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from uuid import UUID

import psutil
import psycopg

from bench.figures import middle_row, number, percentile, rounded
from bench.pagination import fill, settle
from bench.pipeline import Line
from bench.report import Bar, Chart, Figure, Report, Row, conditions
from bench.requests import SAMPLE, Load
from bench.rounds import progress
from bench.server import RunningServer, listening, running_server
from bench.traffic import KINDS, Caller, traffic
from bench.usage import Meter
from vocafuse_server.accounts.secrets import secret_digest
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import TenantId, new_uuid
from vocafuse_server.notes.count_queries import fold_note_counts

UNLIMITED = {"VOCAFUSE_RATE_LIMIT_PER_MINUTE": "60000000"}  # The limit is counted, and never reached.
IN_FLIGHT = 8
_EVENTS = ["voicenote.transcribed", "voicenote.failed"]
_SECRET = "a secret of the benchmark"
_NOTES_ASKED_FOR = 1000
_WARM_UP_S = 3
WHAT_TRAFFIC = (
    "Lists, single notes, tokens and webhooks are asked for as fast as they are answered, by 14 connections"
    " in all, while one note a second is uploaded and transcribed on the same cores."
)
_REQUESTS = "requests answered in a second; longer is better"

_NEW_TENANT = """
INSERT INTO tenants (id, name, plan, created_at, updated_at) VALUES (%(id)s, '', 'enterprise', now(), now())
"""
_NEW_KEY = """
INSERT INTO api_keys (id, tenant_id, name, api_key, secret_digest, scopes, status, created_at, updated_at)
SELECT gen_random_uuid(), %(id)s, '', %(key)s, %(digest)s, scopes, 'active', now(), now()
FROM api_keys LIMIT 1
"""
# By their random ids, so that they lie anywhere; not of all, which would be sorted for each tenant.
_SOME_NOTES = """
SELECT id FROM (
  SELECT id FROM notes WHERE tenant_id = %s AND status = 'transcribed' LIMIT 50000
) AS found ORDER BY id LIMIT %s
"""
_VACUUMING = "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'"


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        sizes: Notes in the table.
        tenants: How many there are, with `spread` notes together.
        seconds: Of mixed traffic each time.
        notes: Transcribed each time.
        rounds: How often everything is measured; the figures are the medians.
    """

    sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    tenants: tuple[int, ...] = (1, 100, 1_000)
    spread: int = 100_000
    seconds: int = 12
    notes: int = 40
    rounds: int = 3


def sizes(plan: Plan) -> Report:
    """The first tenant's notes become more and more."""
    runs: list[list[Row]] = []
    with line() as (server, notes):
        known = server.credentials
        tenant, filled = TenantId(UUID(known["tenant_id"])), 0
        meter = Meter(psutil.Process())
        for size in plan.sizes:
            filled += _filled(server.database_url, tenant, size - filled)
            callers = [_caller(server.database_url, tenant, known["api_key"], known["api_secret"])]
            runs.append(_measured(server, notes, callers, plan, {"notes": f"{size:,}"}))
        others = meter.read().others
    return _report("sizes", f"{WHAT_TRAFFIC} All notes are one tenant's.", runs, others)


def tenants(plan: Plan) -> Report:
    """As many notes, of more and more tenants."""
    runs: list[list[Row]] = []
    with line() as (server, notes):
        meter = Meter(psutil.Process())
        callers: list[Caller] = []
        for count in plan.tenants:
            callers += [
                _new_caller(server.database_url, plan.spread // count) for _ in range(count - len(callers))
            ]
            _settled(server.database_url)
            runs.append(_measured(server, notes, callers, plan, {"tenants": f"{count:,}"}))
        others = meter.read().others
    about = (
        f"{WHAT_TRAFFIC} New tenants bring some {plan.spread:,} notes more each time; each request is some"
        " tenant's."
    )
    return _report("tenants", about, runs, others)


@contextmanager
def line(**settings: str) -> Generator[tuple[RunningServer, Line]]:
    """A server with a webhook, and a way to send notes through it."""
    with (
        tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder,
        listening() as (url, arrivals),
        running_server(Path(folder) / "data", **UNLIMITED, **settings) as server,
    ):
        server.client.webhooks.create(url=url, events=_EVENTS)
        notes = Line(server.client, arrivals, [psutil.Process(server.pid)])
        notes.as_fast_as_it_goes(SAMPLE, notes=IN_FLIGHT, in_flight=IN_FLIGHT)
        yield server, notes


def _measured(
    server: RunningServer, notes: Line, callers: Sequence[Caller], plan: Plan, of: Row
) -> list[Row]:
    """Each round's figures, after what they are of."""
    return [of | _measured_once(server, notes, callers, plan) for _ in range(plan.rounds)]


def _measured_once(server: RunningServer, notes: Line, callers: Sequence[Caller], plan: Plan) -> Row:
    origin = server.credentials["base_url"].removesuffix("/v1")
    traffic(origin, callers, SAMPLE, seconds=_WARM_UP_S)
    before_s = notes.serving_cpu_s()
    loads = traffic(origin, callers, SAMPLE, seconds=plan.seconds)
    serving_s = notes.serving_cpu_s() - before_s
    _wait_for_idle(server.database_url)
    passed = notes.as_fast_as_it_goes(SAMPLE, notes=plan.notes, in_flight=IN_FLIGHT)
    per_second = sum(one.per_second for one in loads.values())
    row: Row = {
        "per_second": round(per_second),
        "cpu_ms_a_request": rounded(serving_s * 1000 / (per_second * plan.seconds)),
    }
    for kind in KINDS:
        row |= _times(kind.name, loads[kind.name])
    row |= {
        "notes_an_hour": round(passed.an_hour),
        "delay_p50_s": rounded(percentile(passed.delays_s, 0.5)),
        "delay_p99_s": rounded(percentile(passed.delays_s, 0.99)),
        "cpu_s_a_note": rounded(passed.cpu_s / passed.notes, 3),
        "postgres_ms_a_note": rounded(passed.postgres_s / passed.notes * 1000, 1),
    }
    progress(", ".join(f"{name} {value}" for name, value in row.items()))
    return row


def _times(name: str, seen: Load) -> dict[str, Figure]:
    return {f"{name}_p50_ms": rounded(seen.p50_ms, 1), f"{name}_p99_ms": rounded(seen.p99_ms, 1)}


def _filled(database_url: str, tenant: TenantId, more: int) -> int:
    seconds = fill(database_url, tenant, more, unfinished=False)
    progress(f"{more:,} notes more in {seconds:.0f} s")
    _settled(database_url)
    return more


def _settled(database_url: str) -> None:
    """As a server leaves a database after some minutes: counts folded, tables vacuumed, all written."""

    async def fold() -> None:
        database = Database(database_url, pool_size=2, statement_s=300)
        async with database.transaction() as session:
            await fold_note_counts(session)
        await database.close()

    asyncio.run(fold())
    settle(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        while connection.execute(_VACUUMING).fetchone() is not None:
            time.sleep(1)


def _wait_for_idle(database_url: str) -> None:
    """Until what was uploaded has been transcribed and told."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT count(*), pg_sleep(0.2) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
                " AND queue_name <> 'maintenance'"
            ).fetchone()
            if found is not None and found[0] == 0:
                return


def _new_caller(database_url: str, notes: int) -> Caller:
    tenant, key = TenantId(new_uuid()), f"sk_live_{new_uuid().hex}"
    with psycopg.connect(database_url) as connection:
        connection.execute(_NEW_TENANT, {"id": tenant})
        connection.execute(_NEW_KEY, {"id": tenant, "key": key, "digest": secret_digest(_SECRET)})
    fill(database_url, tenant, notes, unfinished=False)
    return _caller(database_url, tenant, key, _SECRET)


def _caller(database_url: str, tenant: TenantId, key: str, secret: str) -> Caller:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(_SOME_NOTES, [tenant, _NOTES_ASKED_FOR]).fetchall()
    return Caller(key, secret, [str(note_id) for [note_id] in found])


def _report(part: str, what: str, runs: Sequence[Sequence[Row]], others: float) -> Report:
    rows = [middle_row(rounds) for rounds in runs]
    axis = next(iter(rows[0]))
    bars = [Bar(f"{row[axis]} {axis}", number(row, "per_second"), ours=True) for row in rows]
    chart = Chart(f"Mixed traffic, by {axis}", _REQUESTS, bars)
    measured = conditions(rounds=len(runs[0]), others=others)
    return Report(part, what, measured, rows, [], chart, [_REMARK], [*chain.from_iterable(runs)])


_REMARK = (
    "Times of the kinds of request are p50 and p99; a request's cost is the time of API and Postgres."
    f" Notes of 5.1 s pass afterwards, {IN_FLIGHT} in flight, with the default settings: their delay is from"
    " the upload's answer to the webhook, their cost the processor time of all processes with Postgres."
)
