"""Whose turn it is: no endpoint and no tenant takes all the places of a worker process.

A receiver that doesn't answer holds a place for the whole timeout. With a few of them, or many
deliveries to one, everybody else's deliveries would wait behind.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from vocafuse_server.core.ids import TenantId, WebhookId
from vocafuse_server.webhooks.models import Webhook

# Who took longer than this the last time gets fewer places.
SLOW_S = 2.0
# Put off, a delivery looks again after this time at least, and after that at most.
MIN_WAIT_S = 1.0
MAX_WAIT_S = 300.0
_FIRST_GUESS_S = 0.5
_MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Endpoint:
    busy: int = 0
    took_s: float = _FIRST_GUESS_S
    turn_at: float = 0.0


class Places:
    """The places of one worker process. An endpoint may take an eighth of them at a time, a slow one a
    thirty-second, a tenant with all its endpoints half; each at least one.

    Args:
        count: How many there are.
        now: Seconds on a clock that never goes back.
    """

    def __init__(self, count: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._per_endpoint = max(1, count // 8)
        self._per_slow_endpoint = max(1, count // 32)
        self._per_tenant = max(1, count // 2)
        self._now = now
        self._endpoints: dict[WebhookId, _Endpoint] = {}
        self._tenants: Counter[TenantId] = Counter()

    def wait_s(self, webhook: Webhook) -> float | None:
        """None if there is a place now; else after how many seconds to look again.

        Those who wait for one endpoint are lined up as fast as it has answered of late.
        """
        endpoint = self._endpoint(webhook)
        limit = self._per_slow_endpoint if endpoint.took_s > SLOW_S else self._per_endpoint
        if endpoint.busy < limit and self._tenants[webhook.tenant_id] < self._per_tenant:
            return None
        now = self._now()
        turn_at = max(now, endpoint.turn_at) + endpoint.took_s / limit
        endpoint.turn_at = min(turn_at, now + MAX_WAIT_S)
        return max(MIN_WAIT_S, endpoint.turn_at - now)

    @contextmanager
    def taken(self, webhook: Webhook) -> Generator[None]:
        """Takes one place for the block, which is the attempt."""
        endpoint, started = self._endpoint(webhook), self._now()
        endpoint.busy += 1
        self._tenants[webhook.tenant_id] += 1
        try:
            yield
        finally:
            endpoint.busy -= 1
            endpoint.took_s = self._now() - started
            self._tenants[webhook.tenant_id] -= 1
            if not self._tenants[webhook.tenant_id]:
                del self._tenants[webhook.tenant_id]

    def _endpoint(self, webhook: Webhook) -> _Endpoint:
        if len(self._endpoints) > _MAX_REMEMBERED:
            self._endpoints = {known: one for known, one in self._endpoints.items() if one.busy}
        return self._endpoints.setdefault(webhook.id, _Endpoint())
