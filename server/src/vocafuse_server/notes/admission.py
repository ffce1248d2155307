"""Whether there is room for one more: uploads that come in, notes that wait for their transcription."""

import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from vocafuse_server.accounts.errors import RateLimited
from vocafuse_server.core.database import Database
from vocafuse_server.core.errors import ServiceUnavailable
from vocafuse_server.core.ids import TenantId
from vocafuse_server.notes import queries

_COUNTED_ANEW_S = 1.0
_MAX_REMEMBERED = 10_000


class TooManyUploads(ServiceUnavailable):
    retry_after_s = 5
    default_message = "Too many uploads are coming in. Try again in a moment."


class QueueFull(RateLimited):
    """A tenant's own notes are in the way of the next one."""

    def __init__(self, limit: int) -> None:
        super().__init__(retry_after_s=30)
        self.message = f"{limit} notes of yours wait for their transcription. Try again when some are done."


class Places:
    """What goes on in this process at a time, such as uploads: each holds a part of its bytes in memory for
    as long as they come.

    Args:
        count: How many there may be, at most half of them of one tenant.
        refusal: What whoever finds no place is told.
    """

    def __init__(self, count: int, refusal: type[ServiceUnavailable]) -> None:
        self._count = count
        self._refusal = refusal
        self._per_tenant = max(1, count // 2)
        self._tenants: Counter[TenantId] = Counter()

    @contextmanager
    def taken(self, tenant_id: TenantId) -> Generator[None]:
        """Takes a place for the block.

        Raises:
            ServiceUnavailable: There is none; of the kind that was given.
        """
        if self._tenants.total() >= self._count or self._tenants[tenant_id] >= self._per_tenant:
            raise self._refusal
        self._tenants[tenant_id] += 1
        try:
            yield
        finally:
            self._tenants[tenant_id] -= 1
            if not self._tenants[tenant_id]:
                del self._tenants[tenant_id]


class Backlog:
    """How many notes of each tenant wait for their transcription; counted again after a second.

    Args:
        limit: How many may.
    """

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._known: dict[TenantId, tuple[float, int]] = {}

    async def check(self, tenant_id: TenantId) -> None:
        """Raises QueueFull if a tenant has as many as it may."""
        counted_at, waiting = self._known.get(tenant_id, (float("-inf"), 0))
        now = time.monotonic()
        if now - counted_at >= _COUNTED_ANEW_S:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            async with self._database.reading() as session:
                waiting = await queries.count_processing(session, tenant_id, limit=self._limit)
            self._known[tenant_id] = (now, waiting)
        if waiting >= self._limit:
            raise QueueFull(self._limit)
