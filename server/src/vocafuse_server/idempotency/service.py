"""Doing something once, however often it is asked for with one key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.core.ids import TenantId
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.idempotency import queries
from vocafuse_server.idempotency.errors import AnsweredBefore, KeyReused
from vocafuse_server.idempotency.models import WHOLE_TENANT, IdempotencyKey

KEPT_FOR = timedelta(hours=24)
# How long a request waits for an equal one that is being worked on at this moment.
PATIENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with a key.

    Attributes:
        identity: The user who sent it; None for the tenant's own key pairs, which share their keys.
        fingerprint: What tells this request from others that may come with the same key.
    """

    tenant_id: TenantId
    identity: str | None
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered, as it goes over the wire."""

    status: int
    body: str


async def do_once(
    session: AsyncSession,
    box: SecretBox,
    request: KeyedRequest,
    work: Callable[[], Awaitable[Answer]],
    *,
    now: datetime,
    patience: timedelta = PATIENCE,
) -> Answer:
    """Do the work and keep its answer, in the session's transaction. It is kept sealed: some answers hold
    secrets, and signed URLs.

    Of equal requests at the same moment one does the work and the others wait for its commit. If it
    fails or dies, its transaction leaves nothing, and the next one does the work.

    Raises:
        AnsweredBefore: The same request has been answered; holds the answer.
        KeyReused: The key came with another request before.
        StillInProgress: An equal request takes longer than `patience`.
        Whatever `work` raises; nothing is kept then.
    """
    row = IdempotencyKey(
        tenant_id=request.tenant_id,
        identity=WHOLE_TENANT if request.identity is None else request.identity,
        key=request.key,
        fingerprint=request.fingerprint,
        created_at=now,
    )
    place = f"answer:{row.tenant_id}:{row.identity}:{row.key}"
    if await queries.claim_key(session, row, expired_until=now - KEPT_FOR, patience=patience):
        answer = await work()
        sealed = box.seal(answer.body, place=place)
        await queries.keep_answer(session, row, status=answer.status, answer=sealed)
        return answer
    first = await queries.find_key(session, row)
    if first is None or first.status is None or first.answer is None:
        raise RuntimeError("a key that could not be claimed has no answer")
    if first.fingerprint != request.fingerprint:
        raise KeyReused
    raise AnsweredBefore(first.status, box.open(first.answer, place=place))


async def delete_expired(session: AsyncSession, *, now: datetime) -> int:
    """Forget the requests whose time is over; says how many."""
    return await queries.delete_expired(session, expired_until=now - KEPT_FOR)
