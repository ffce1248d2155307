"""Sessions of the console: a token that stands for a key pair for a while, so that no page keeps a secret."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts import session_queries
from vocafuse_server.accounts.callers import Caller, key_caller
from vocafuse_server.accounts.errors import InvalidToken, SignInLinkSpent
from vocafuse_server.accounts.secrets import secret_digest
from vocafuse_server.core.ids import ApiKeyId
from vocafuse_server.core.reading import RowReader

SESSION_LASTS = timedelta(hours=1)
SIGNED_IN_AT_MOST = timedelta(hours=12)
LINK_LASTS = timedelta(minutes=10)
_PREFIX = "console_"


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session and its token, of which only a digest is kept."""

    token: str = field(repr=False)
    expires_at: datetime


def is_session_token(token: str) -> bool:
    """Whether it looks like one; no JWT does."""
    return token.startswith(_PREFIX)


async def begin(session: AsyncSession, key_id: ApiKeyId, *, now: datetime) -> OpenSession:
    """Sign somebody in who has shown a key pair."""
    await session_queries.drop_expired(session, now=now)
    opened = OpenSession(_PREFIX + secrets.token_urlsafe(32), now + SESSION_LASTS)
    await session_queries.add_session(
        session, secret_digest(opened.token), key_id, now=now, expires_at=opened.expires_at
    )
    return opened


async def extend(session: AsyncSession, token: str, *, now: datetime) -> OpenSession:
    """Let a session last as long as a new one, but nobody stays signed in for longer than half a day.

    Raises:
        InvalidToken: It has ended a moment ago.
    """
    expires_at = await session_queries.extend_session(
        session, secret_digest(token), now=now, lasts=SESSION_LASTS, at_most=SIGNED_IN_AT_MOST
    )
    if expires_at is None:
        raise InvalidToken
    return OpenSession(token, expires_at)


async def end(session: AsyncSession, token: str) -> None:
    """Sign out."""
    await session_queries.drop_session(session, secret_digest(token))


async def make_link(session: AsyncSession, *, now: datetime) -> str | None:
    """A code that signs in to the default tenant, once; None if it has no key that is good."""
    key_id = await session_queries.find_first_key(session, now=now)
    if key_id is None:
        return None
    await session_queries.drop_expired(session, now=now)
    code = secrets.token_urlsafe(24)
    await session_queries.add_link(session, secret_digest(code), key_id, expires_at=now + LINK_LASTS)
    return code


async def follow_link(session: AsyncSession, code: str, *, now: datetime) -> OpenSession:
    """Sign in by a link.

    Raises:
        SignInLinkSpent: It was used before, or is too old, or there is none with this code.
    """
    key_id = await session_queries.take_link(session, secret_digest(code), now=now)
    if key_id is None:
        raise SignInLinkSpent
    return await begin(session, key_id, now=now)


async def authenticate_session(rows: RowReader, token: str, *, now: datetime) -> Caller:
    """The caller that a session stands for: its key's tenant, with all that the key may do.

    Raises:
        InvalidToken: The session has ended, or its key is no longer good.
    """
    key = await session_queries.find_session_key(rows, secret_digest(token), now=now)
    if key is None:
        raise InvalidToken
    return key_caller(key)
