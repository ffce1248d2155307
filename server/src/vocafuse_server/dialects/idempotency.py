"""The `Idempotency-Key` header: a creating call that comes twice takes effect once."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from vocafuse_server.accounts.callers import Caller
from vocafuse_server.core.clock import Clock
from vocafuse_server.core.secret_box import SecretBox
from vocafuse_server.dialects.context import Context
from vocafuse_server.idempotency.errors import AnsweredBefore
from vocafuse_server.idempotency.service import Answer, KeyedRequest, do_once

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Once:
    """Makes the call at hand take effect once, if it came with a key.

    The answer is kept in the very transaction that does the work, sealed. Calls whose answer holds what
    nobody shall be able to read again, as the secrets of API keys, have no use for this.
    """

    key: str | None
    _request: Request = field(repr=False)
    _clock: Clock = field(repr=False)
    _box: SecretBox = field(repr=False)

    async def answer(
        self,
        session: AsyncSession,
        work: Callable[[], Awaitable[BaseModel]],
        *,
        body_digest: bytes | None = None,
        status: int = 201,
    ) -> Response:
        """The response with what `work` returns, which it does in the session's transaction.

        Args:
            body_digest: Stands for a body that has been read as a stream; else it is made here.

        Raises:
            AnsweredBefore: The same request has been answered; `replay` makes its response.
            KeyReused, StillInProgress: As `do_once` says.
        """

        async def worked() -> Answer:
            return Answer(status, (await work()).model_dump_json())

        if self.key is None:
            return _response(await worked())
        caller: Caller = self._request.state.caller
        digest = body_digest or hashlib.sha256(await self._request.body()).digest()
        keyed = KeyedRequest(
            tenant_id=caller.tenant_id,
            identity=caller.identity,
            key=self.key,
            fingerprint=digest_of([self._request.method.encode(), self._request.url.path.encode(), digest]),
        )
        return _response(await do_once(session, self._box, keyed, worked, now=self._clock()))


async def _once(
    request: Request,
    context: Context,
    key: Annotated[
        str | None,
        Header(
            alias=KEY_HEADER,
            min_length=1,
            max_length=MAX_KEY_LENGTH,
            description="Chosen by the client, new for each logical call. For 24 hours the same call with"
            " the same key gets the first answer again, and has no other effect.",
        ),
    ] = None,
) -> Once:
    return Once(key, request, context.clock, context.box)


def replayable(status: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` for the success of a route that takes keys."""
    header = {
        "description": "`true` when this is the answer to an earlier call with the same key",
        "schema": {"type": "string", "const": "true"},
    }
    return {status: {"headers": {REPLAYED_HEADER: header}}}


OncePerKey = Annotated[Once, Depends(_once)]


def digest_of(parts: Iterable[bytes]) -> bytes:
    """SHA-256 of several texts, so that no two ways of cutting them give the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def replay(error: AnsweredBefore) -> Response:
    """The first answer once more."""
    response = _response(Answer(error.status, error.body))
    response.headers[REPLAYED_HEADER] = "true"
    return response


def _response(answer: Answer) -> Response:
    return Response(answer.body, status_code=answer.status, media_type="application/json")
