"""The account of the async client, and its API keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from vocafuse import _flows
from vocafuse._account_models import Account, ApiKey, CreatedApiKey, DayUsage
from vocafuse._async_collections import AsyncCollection, AsyncResource
from vocafuse._calls import API_KEYS, create_key_call, list_call, update_call
from vocafuse._items import items_of
from vocafuse._pages import Page

if TYPE_CHECKING:
    from vocafuse._async_sending import AsyncHttp


class AsyncApiKeys(AsyncCollection[ApiKey]):
    """The API keys of an account; called with an id, it names one of them.

    To delete a key revokes it at once; it stays in the list of those that are `revoked`.
    """

    def __init__(self, http: AsyncHttp) -> None:
        super().__init__(http, API_KEYS, "api_keys", ApiKey)

    def __call__(self, api_key_id: str) -> AsyncResource[ApiKey]:
        """Names one key by its id. Nothing is sent before a method of it is called."""
        return AsyncResource(self, api_key_id)

    async def create(
        self,
        *,
        name: str | None = None,
        scopes: Sequence[str] | None = None,
        expires_at: str | date | None = None,
    ) -> CreatedApiKey:
        """Makes a key pair. It is not repeated by itself if the answer gets lost.

        Args:
            name: At most 255 characters, for people.
            scopes: What it allows, such as `voicenotes:read`; not given: as much as this client's key.
            expires_at: A day or moment; a `datetime` without a zone is UTC. Never when not given.

        Returns:
            The pair, with `api_key` and `api_secret`. They are shown this once only.

        Raises:
            AuthorizationError: More was asked for than this client's key allows.
            ValidationError: A scope is unknown, or the moment has passed.
        """
        call = create_key_call(name, scopes, expires_at)
        return await self._http.run(_flows.fetch_item(call, CreatedApiKey, self._http.policy))

    async def list(
        self, *, page: int | None = None, limit: int | None = None, status: str | None = None
    ) -> Page[ApiKey]:
        """One page of keys.

        Args:
            page: Number of the page, from 0.
            limit: Keys on a page, 1 to 100; 50 when not given.
            status: Only those that are `active`, `revoked` or `expired`; not given: all but the revoked.
        """
        return await self._list(page=page, limit=limit, status=status)

    def list_all(self, *, limit: int | None = None, status: str | None = None) -> AsyncIterator[ApiKey]:
        """All keys, fetched page by page, `limit` with each request."""
        return self._list_all(limit=limit, status=status)


class AsyncAccountResource:
    """The account that the key pair belongs to."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def get(self) -> Account:
        """The account, with what it used in this month and the last."""
        call = list_call("account", {})
        return await self._http.run(_flows.fetch_item(call, Account, self._http.policy))

    async def update(
        self,
        *,
        name: str | None = None,
        email: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Account:
        """Changes what is given; the rest stays as it is.

        Args:
            name: At most 255 characters.
            email: An empty one removes it.
            settings: Merged into those there are; a setting that is None is removed.

        Raises:
            ValidationError: Something is not acceptable.
        """
        call = update_call("PUT", "/account", name=name, email=email, settings=settings)
        return await self._http.run(_flows.fetch_item(call, Account, self._http.policy))

    async def usage(self, *, days: int | None = None) -> list[DayUsage]:
        """What was used on each of the last days, the oldest first; days without use are there, too.

        Args:
            days: How many, 1 to 366, the last of them today (UTC); 30 when not given.

        Raises:
            ValidationError: It is another number.
        """
        call = list_call("account/usage", {"days": days})
        wire = await self._http.run(_flows.fetch(call, self._http.policy))
        return items_of(DayUsage, wire.get("days"))
