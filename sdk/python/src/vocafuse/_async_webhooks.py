"""The webhooks of the async client, and their deliveries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from vocafuse import _flows
from vocafuse._account_models import Delivery, Redelivery, Webhook
from vocafuse._async_collections import AsyncCollection, AsyncReadable, AsyncResource
from vocafuse._calls import (
    create_webhook_call,
    deliveries_of,
    redeliver_call,
    redeliver_failed_call,
    update_item_call,
    webhook_call,
)
from vocafuse._pages import Page

if TYPE_CHECKING:
    from vocafuse._async_sending import AsyncHttp


class AsyncDeliveries(AsyncReadable[Delivery]):
    """What was sent to one webhook."""

    def __init__(self, http: AsyncHttp, webhook_id: str) -> None:
        super().__init__(http, deliveries_of(webhook_id), "deliveries", Delivery)
        self._webhook_id = webhook_id

    async def list(
        self, *, page: int | None = None, limit: int | None = None, status: str | None = None
    ) -> Page[Delivery]:
        """One page of deliveries, the newest first, with every attempt.

        Args:
            page: Number of the page, from 0.
            limit: Deliveries on a page, 1 to 100; 50 when not given.
            status: Only those that are `pending`, `delivered` or `failed`.

        Raises:
            NotFoundError: There is no such webhook.
        """
        return await self._list(page=page, limit=limit, status=status)

    def list_all(self, *, limit: int | None = None, status: str | None = None) -> AsyncIterator[Delivery]:
        """All deliveries, fetched page by page, `limit` with each request."""
        return self._list_all(limit=limit, status=status)

    async def redeliver(self, delivery_id: str) -> Delivery:
        """Sends a delivery again at once, with the same id and body; if it fails, as often as a new one.

        Raises:
            ConflictError: The webhook is disabled.
            NotFoundError: There is no such webhook or delivery.
        """
        return await self._fetch(redeliver_call(self._webhook_id, delivery_id))

    async def redeliver_failed(self, *, since: str | date) -> Redelivery:
        """Sends again all that was given up since a moment.

        Args:
            since: A day or moment; a `datetime` without a zone is UTC.

        Raises:
            ConflictError: The webhook is disabled.
            NotFoundError: There is no such webhook.
        """
        call = redeliver_failed_call(self._webhook_id, since)
        return await self._http.run(_flows.fetch_item(call, Redelivery, self._http.policy))


class AsyncWebhookResource(AsyncResource[Webhook]):
    """One webhook, named by its id. Nothing is sent before a method is called.

    Attributes:
        id: The id that was given.
        deliveries: What was sent to it.
    """

    _collection: AsyncWebhooks

    def __init__(self, http: AsyncHttp, collection: AsyncWebhooks, webhook_id: str) -> None:
        super().__init__(collection, webhook_id)
        self.deliveries = AsyncDeliveries(http, webhook_id)

    async def update(
        self,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        status: str | None = None,
        secret: str | None = None,
    ) -> Webhook:
        """Changes what is given, as `client.webhooks.update` does."""
        return await self._collection.update(self.id, url=url, events=events, status=status, secret=secret)

    async def test(self) -> Delivery:
        """Sends a test event, as `client.webhooks.test` does."""
        return await self._collection.test(self.id)

    async def rotate_secret(self, *, secret: str | None = None) -> Webhook:
        """Replaces the secret, as `client.webhooks.rotate_secret` does."""
        return await self._collection.rotate_secret(self.id, secret=secret)


class AsyncWebhooks(AsyncCollection[Webhook]):
    """The webhooks of an account; called with an id, it names one of them."""

    def __init__(self, http: AsyncHttp) -> None:
        super().__init__(http, "webhooks", "webhooks", Webhook)

    def __call__(self, webhook_id: str) -> AsyncWebhookResource:
        """Names one webhook. Nothing is sent before a method of it is called."""
        return AsyncWebhookResource(self._http, self, webhook_id)

    async def create(
        self,
        *,
        url: str,
        events: Sequence[str],
        secret: str | None = None,
        idempotency_key: str | None = None,
    ) -> Webhook:
        """Subscribes a URL to events.

        Args:
            url: Where the events are sent.
            events: Such as `voicenote.transcribed`.
            secret: Signs the payloads; made by the service when not given.
            idempotency_key: Up to 255 characters that name this call. For 24 hours the same call with
                the same key gets the same webhook. Made anew for each call when not given.

        Returns:
            The webhook, with the `secret` for `RequestValidator`. It is shown this once only.

        Raises:
            ConflictError: There is a webhook for this URL already.
            ValidationError: An event is unknown, or the URL is not acceptable.
        """
        return await self._fetch(create_webhook_call(url, events, secret, idempotency_key))

    async def list(
        self, *, page: int | None = None, limit: int | None = None, status: str | None = None
    ) -> Page[Webhook]:
        """One page of webhooks.

        Args:
            page: Number of the page, from 0.
            limit: Webhooks on a page, 1 to 100; 50 when not given.
            status: Only those that are `active` or `disabled`.
        """
        return await self._list(page=page, limit=limit, status=status)

    def list_all(self, *, limit: int | None = None, status: str | None = None) -> AsyncIterator[Webhook]:
        """All webhooks, fetched page by page, `limit` with each request."""
        return self._list_all(limit=limit, status=status)

    async def update(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        status: str | None = None,
        secret: str | None = None,
    ) -> Webhook:
        """Changes what is given; the rest stays as it is.

        Args:
            webhook_id: The webhook's id.
            url: Where the events are sent from now on.
            events: They replace those there were.
            status: `disabled` stops deliveries, `active` starts them again.
            secret: Replaces the secret, as `rotate_secret` does; the answer does not show it.

        Raises:
            ConflictError: There is another webhook for this URL.
            NotFoundError: There is no such webhook.
        """
        changes = {"url": url, "events": events, "status": status, "secret": secret}
        return await self._fetch(update_item_call("PUT", self._path, webhook_id, **changes))

    async def test(self, webhook_id: str) -> Delivery:
        """Sends the event `webhook.test`, which is about nothing but the webhook.

        Returns:
            The delivery, on its way; `client.webhooks(id).deliveries.get` says what became of it.

        Raises:
            ConflictError: The webhook is disabled.
            NotFoundError: There is no such webhook.
        """
        call = webhook_call(webhook_id, "test")
        return await self._http.run(_flows.fetch_item(call, Delivery, self._http.policy))

    async def rotate_secret(self, webhook_id: str, *, secret: str | None = None) -> Webhook:
        """Replaces the secret; for 24 hours `webhook-signature` is made with the old one, too.

        Args:
            webhook_id: The webhook's id.
            secret: The new one; made by the service when not given.

        Returns:
            The webhook with the new `secret`. It is shown this once only.

        Raises:
            NotFoundError: There is no such webhook.
        """
        return await self._fetch(webhook_call(webhook_id, "rotate-secret", secret=secret))
