"""The database: reached, new enough, migrated, of one mind with this machine about the time."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy.exc import ArgumentError

from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import libpq_url
from vocafuse_server.core.errors import StartupError
from vocafuse_server.core.settings import Settings
from vocafuse_server.doctor.findings import Finding, failed, first_line, ok, warning
from vocafuse_server.doctor.queries import DatabaseFacts, find_revision, list_webhook_urls, read_facts
from vocafuse_server.local_database import database_of, postgres_of
from vocafuse_server.schema import head_revision, is_known_revision
from vocafuse_server.storage.outbound import AddressGuard
from vocafuse_server.storage.urls import ForbiddenAddress

_OLDEST_POSTGRES = 150_000
# Tokens and signed URLs are good for a quarter of an hour and more; what is due is told by the database.
_APART_S = 10.0
_LOOKED_AT = 50
_RESOLVE_S = 3.0
_VARIABLE = "VOCAFUSE_DATABASE_URL"
# What Postgres and libpq say, and what to do then.
_REMEDIES = (
    ("password authentication failed", f"Correct the user and the password in {_VARIABLE}."),
    ("does not exist", f"Make it (`createdb`, `createuser`), or correct its name in {_VARIABLE}."),
    ("no pg_hba.conf entry", "Let this machine in, in the Postgres server's pg_hba.conf."),
    ("SSL", f"Add sslmode=require to {_VARIABLE}, or take it away."),
)


@dataclass(frozen=True, slots=True)
class _Seen:
    facts: DatabaseFacts
    revision: str | None
    is_behind_pooler: bool
    webhooks: Sequence[tuple[str, str]]


def check_database(settings: Settings) -> Iterator[Finding]:
    """Everything about the database; the embedded one is started for it if it doesn't run."""
    if settings.database_url is None and not (postgres_of(settings).folder / "PG_VERSION").exists():
        yield ok("There is no database yet; the first start makes one")
        return
    try:
        with database_of(settings) as direct_url:
            if settings.direct_url is not None and settings.database_url is not None:
                _look(settings.database_url.get_secret_value())
            seen = _look(direct_url)
    except StartupError as error:
        yield failed(str(error), "Do what it says; the log beside the data has more.")
    except ArgumentError:
        yield failed(f"{_VARIABLE} is no URL.", "Set it to postgresql://user:password@host:5432/database.")
    except psycopg.Error as error:
        yield _unreachable(error)
    else:
        yield from _judge(seen, settings)


def _look(url: str) -> _Seen:
    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        facts = read_facts(connection)
        revision = find_revision(connection) if facts.has_schema else None
        is_current = revision == head_revision()
        webhooks = list_webhook_urls(connection, limit=_LOOKED_AT) if is_current else []
        # A pooler says in its greeting that it is a process which the server knows nothing of.
        return _Seen(facts, revision, connection.info.backend_pid != facts.backend, webhooks)


def _unreachable(error: psycopg.Error) -> Finding:
    said = first_line(error)
    other = f"See that Postgres runs there, and that {_VARIABLE} has its host, port and database."
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in said), other)
    return failed(f"The database can't be reached ({said}).", remedy)


def _judge(seen: _Seen, settings: Settings) -> Iterator[Finding]:
    yield _server(seen.facts)
    yield _schema(seen.revision, is_embedded=settings.database_url is None)
    apart_s = (seen.facts.now - utc_now()).total_seconds()
    if abs(apart_s) > _APART_S:
        side = "ahead of" if apart_s > 0 else "behind"
        yield failed(
            f"The database's clock is {abs(apart_s):.0f} s {side} this one.",
            "Have both machines take the time from the network (`timedatectl set-ntp true`).",
        )
    if seen.is_behind_pooler and settings.direct_url is None:
        yield warning(
            f"{_VARIABLE} leads to a pooler.",
            "If it gives out connections for one transaction, set VOCAFUSE_DATABASE_DIRECT_URL to the"
            " database itself (docs/fleet.md).",
        )
    yield from asyncio.run(_refused_webhooks(seen.webhooks, settings))


def _server(facts: DatabaseFacts) -> Finding:
    version = f"Postgres {facts.version // 10_000}.{facts.version % 10_000}"
    if facts.version < _OLDEST_POSTGRES:
        return failed(f"{version} is too old.", "Use Postgres 15 or later.")
    if facts.encoding != "UTF8":
        return failed(
            f"The database's encoding is {facts.encoding}.", "Make one with `createdb --encoding=UTF8`."
        )
    return ok(f"{version} answers")


def _schema(revision: str | None, *, is_embedded: bool) -> Finding:
    head = head_revision()
    if revision == head:
        return ok(f"The schema is up to date ({revision})")
    found = "The database has no schema" if revision is None else f"The schema is {revision}"
    if revision is not None and not is_known_revision(revision):
        return failed(
            f"{found}, which this release doesn't know: a later one made it.",
            "Install that release, or restore a backup from before into an empty database.",
        )
    if is_embedded:
        return warning(f"{found}, and this release has {head}.", "Nothing: `vocafuse-server up` migrates it.")
    return failed(f"{found}, and this release has {head}.", "Run `vocafuse-server migrate`.")


async def _refused_webhooks(webhooks: Sequence[tuple[str, str]], settings: Settings) -> list[Finding]:
    """Those of the newest webhooks that lead where nothing is sent."""
    guard = AddressGuard(settings.allow_private_networks, resolve_timeout_s=_RESOLVE_S)

    async def refusal(webhook_id: str, url: str) -> Finding | None:
        try:
            await guard.check_url(url)
        except ForbiddenAddress as error:
            return warning(
                f"The webhook {webhook_id} gets nothing: its URL {error}.",
                "Correct its URL, or allow its network with VOCAFUSE_ALLOW_PRIVATE_NETWORKS.",
            )
        return None

    found = await asyncio.gather(*(refusal(*webhook) for webhook in webhooks))
    return [one for one in found if one is not None]
