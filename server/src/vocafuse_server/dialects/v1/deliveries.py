"""v1's deliveries of a webhook: a test, the log, and asking for one again."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from vocafuse_server.core.ids import DeliveryId, WebhookId, parse_id
from vocafuse_server.core.pages import DEFAULT_LIMIT, PageRequest
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import PageLimit
from vocafuse_server.dialects.idempotency import OncePerKey, replayable
from vocafuse_server.dialects.routing import AuthenticatedRoute, WebhookReader, WebhookWriter
from vocafuse_server.dialects.v1.fields import PageNumber, parse_from, wire_time
from vocafuse_server.dialects.v1.pages import page_body, page_model
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.webhook_bodies import (
    DeliveryBody,
    DeliveryDetail,
    ReplayBody,
    ReplayRequest,
    delivery_body,
    delivery_detail,
)
from vocafuse_server.webhooks import delivery_queries, outbox
from vocafuse_server.webhooks.models import DeliveryStatus
from vocafuse_server.webhooks.replay import request_replay
from vocafuse_server.webhooks.service import get_webhook

router = APIRouter(prefix="/v1/webhooks/{webhook_id}", route_class=AuthenticatedRoute, tags=["webhooks"])


@router.post(
    "/test",
    status_code=202,
    response_model=DeliveryBody,
    responses={**replayable(202), **errors(401, 403, 404, 409, 413)},
)
async def send_test(
    webhook_id: str, session: Session, context: Context, caller: WebhookWriter, once: OncePerKey
) -> Response:
    """Send the webhook an event `webhook.test`, signed as all are."""
    webhook = await get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))

    async def send() -> DeliveryBody:
        return delivery_body(await outbox.send_test(session, context.queue, webhook, now=context.clock()))

    return await once.answer(session, send, status=202)


@router.get(
    "/deliveries",
    response_model=page_model("DeliveryPage", "deliveries", DeliveryBody),
    responses=errors(401, 403, 404),
)
async def list_deliveries(
    webhook_id: str,
    session: Session,
    caller: WebhookReader,
    page: PageNumber = 0,
    limit: PageLimit = DEFAULT_LIMIT,
    status: Annotated[DeliveryStatus | None, Query()] = None,
) -> dict[str, object]:
    """List what was sent to a webhook, newest first, with every attempt and what came of it."""
    webhook = await get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))
    found = await delivery_queries.list_deliveries(
        session, webhook.id, status=status, page=PageRequest(page, limit)
    )
    return page_body(
        found,
        collection="deliveries",
        items=[delivery_body(delivery) for delivery in found.items],
        path=f"/v1/webhooks/{webhook.id}/deliveries",
        filters={"status": status},
    )


@router.get("/deliveries/{delivery_id}", response_model=DeliveryDetail, responses=errors(401, 403, 404))
async def get_delivery(
    webhook_id: str, delivery_id: str, session: Session, caller: WebhookReader
) -> DeliveryDetail:
    """Get one delivery, with its payload."""
    webhook = await get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))
    return delivery_detail(await outbox.get_delivery(session, webhook, parse_id(DeliveryId, delivery_id)))


@router.post(
    "/redeliver",
    status_code=202,
    response_model=ReplayBody,
    responses=errors(401, 403, 404, 409, 413),
)
async def redeliver_failed(
    webhook_id: str, body: ReplayRequest, session: Session, context: Context, caller: WebhookWriter
) -> ReplayBody:
    """Send again all deliveries that were given up since a moment, as `redeliver` does with one.

    They are put on their way one after another, so they may still be `failed` in the list for a while.
    """
    webhook = await get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))
    since, now = parse_from("since", body.since), context.clock()
    count = await request_replay(session, context.queue, webhook, since=since, now=now)
    return ReplayBody(
        webhook_id=str(webhook.id), since=wire_time(since), until=wire_time(now), deliveries_count=count
    )


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=DeliveryBody,
    responses=errors(401, 403, 404, 409, 413),
)
async def redeliver(
    webhook_id: str, delivery_id: str, session: Session, context: Context, caller: WebhookWriter
) -> DeliveryBody:
    """Send a delivery again, now, with the same id and payload; if it fails, as often as a new one."""
    webhook = await get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))
    known_id = parse_id(DeliveryId, delivery_id)
    return delivery_body(
        await outbox.redeliver(session, context.queue, webhook, known_id, now=context.clock())
    )
