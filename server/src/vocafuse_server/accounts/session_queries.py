"""SQL of the console's sessions."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.models import (
    ApiKey,
    ConsoleSession,
    KeyStatus,
    Plan,
    SignInLink,
    Tenant,
    TenantStatus,
)
from vocafuse_server.accounts.queries import key_is
from vocafuse_server.core.ids import ApiKeyId, TenantId
from vocafuse_server.core.reading import RowQuery, RowReader


class SessionKey(NamedTuple):
    """What a session's requests are allowed by."""

    id: ApiKeyId
    tenant_id: TenantId
    scopes: list[str]
    plan: Plan


async def find_session_key(rows: RowReader, digest: bytes, *, now: datetime) -> SessionKey | None:
    """The key of a session; None if either is no longer good."""
    return await rows.find(_SESSION_KEY, digest=digest, now=now)


async def add_session(
    session: AsyncSession, digest: bytes, key_id: ApiKeyId, *, now: datetime, expires_at: datetime
) -> None:
    session.add(ConsoleSession(digest=digest, key_id=key_id, signed_in_at=now, expires_at=expires_at))
    await session.flush()


async def extend_session(
    session: AsyncSession, digest: bytes, *, now: datetime, lasts: timedelta, at_most: timedelta
) -> datetime | None:
    """When the session ends now; None if it has ended."""
    return await session.scalar(
        update(ConsoleSession)
        .where(ConsoleSession.digest == digest, ConsoleSession.expires_at > now)
        .values(expires_at=func.least(now + lasts, ConsoleSession.signed_in_at + at_most))
        .returning(ConsoleSession.expires_at)
    )


async def drop_session(session: AsyncSession, digest: bytes) -> None:
    await session.execute(delete(ConsoleSession).where(ConsoleSession.digest == digest))


async def drop_expired(session: AsyncSession, *, now: datetime) -> None:
    for table in (ConsoleSession, SignInLink):
        await session.execute(delete(table).where(table.expires_at <= now))


async def find_first_key(session: AsyncSession, *, now: datetime) -> ApiKeyId | None:
    """The oldest good key of the default tenant: the one that its first start made, as a rule."""
    return await session.scalar(
        select(ApiKey.id)
        .join(Tenant, Tenant.id == ApiKey.tenant_id)
        .where(Tenant.is_default, Tenant.status == TenantStatus.ACTIVE, key_is(KeyStatus.ACTIVE, now))
        .order_by(ApiKey.id)
        .limit(1)
    )


async def add_link(session: AsyncSession, digest: bytes, key_id: ApiKeyId, *, expires_at: datetime) -> None:
    session.add(SignInLink(digest=digest, key_id=key_id, expires_at=expires_at))
    await session.flush()


async def take_link(session: AsyncSession, digest: bytes, *, now: datetime) -> ApiKeyId | None:
    """Use a link up: whoever comes second finds none."""
    return await session.scalar(
        delete(SignInLink)
        .where(SignInLink.digest == digest, SignInLink.expires_at > now)
        .returning(SignInLink.key_id)
    )


_SESSION_KEY = RowQuery(
    SessionKey._make,
    select(ApiKey.id, ApiKey.tenant_id, ApiKey.scopes, Tenant.plan)
    .join(ConsoleSession, ConsoleSession.key_id == ApiKey.id)
    .join(Tenant, Tenant.id == ApiKey.tenant_id)
    .where(
        ConsoleSession.digest == bindparam("digest"),
        ConsoleSession.expires_at > bindparam("now"),
        key_is(KeyStatus.ACTIVE, bindparam("now")),
        Tenant.status == TenantStatus.ACTIVE,
    ),
)
