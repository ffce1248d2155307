"""v1's webhooks: create, list, get, update, rotate the secret, delete."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from vocafuse_server.core.errors import InvalidRequest
from vocafuse_server.core.ids import WebhookId, parse_id
from vocafuse_server.core.pages import DEFAULT_LIMIT, PageRequest
from vocafuse_server.dialects.context import Context, Session
from vocafuse_server.dialects.fields import PageLimit
from vocafuse_server.dialects.idempotency import OncePerKey, replayable
from vocafuse_server.dialects.routing import AuthenticatedRoute, WebhookReader, WebhookWriter
from vocafuse_server.dialects.v1.fields import PageNumber
from vocafuse_server.dialects.v1.pages import page_body, page_model
from vocafuse_server.dialects.v1.responses import errors
from vocafuse_server.dialects.v1.webhook_bodies import (
    SecretRequest,
    WebhookBody,
    WebhookCreated,
    WebhookRequest,
    WebhookUpdate,
    webhook_body,
    webhook_created,
)
from vocafuse_server.webhooks import queries, service
from vocafuse_server.webhooks.models import WebhookStatus
from vocafuse_server.webhooks.sealing import open_secret

PATH = "/v1/webhooks"
router = APIRouter(prefix=PATH, route_class=AuthenticatedRoute, tags=["webhooks"])


@router.post(
    "",
    status_code=201,
    response_model=WebhookCreated,
    responses={**replayable(201), **errors(401, 403, 409, 413)},
)
async def create_webhook(
    body: WebhookRequest, session: Session, context: Context, caller: WebhookWriter, once: OncePerKey
) -> Response:
    """Subscribe a URL to events. The answer holds the secret, this once."""
    await service.check_url(context.guard, body.url)

    async def create() -> WebhookCreated:
        webhook = await service.create_webhook(
            session,
            context.box,
            caller.tenant_id,
            url=body.url,
            events=body.events,
            secret=body.secret,
            now=context.clock(),
        )
        return webhook_created(webhook, open_secret(context.box, webhook))

    return await once.answer(session, create)


@router.get("", response_model=page_model("WebhookPage", "webhooks", WebhookBody), responses=errors(401, 403))
async def list_webhooks(
    session: Session,
    caller: WebhookReader,
    page: PageNumber = 0,
    limit: PageLimit = DEFAULT_LIMIT,
    status: Annotated[WebhookStatus | None, Query()] = None,
) -> dict[str, object]:
    """List the webhooks, newest first."""
    found = await queries.list_webhooks(
        session, caller.tenant_id, status=status, page=PageRequest(page, limit)
    )
    return page_body(
        found,
        collection="webhooks",
        items=[WebhookBody(**webhook_body(webhook)) for webhook in found.items],
        path=PATH,
        filters={"status": status},
    )


@router.get("/{webhook_id}", response_model=WebhookBody, responses=errors(401, 403, 404))
async def get_webhook(webhook_id: str, session: Session, caller: WebhookReader) -> dict[str, Any]:
    """Get one webhook."""
    return webhook_body(await service.get_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id)))


@router.put("/{webhook_id}", response_model=WebhookBody, responses=errors(401, 403, 404, 409, 413))
async def update_webhook(
    webhook_id: str, body: WebhookUpdate, session: Session, context: Context, caller: WebhookWriter
) -> dict[str, Any]:
    """Change a webhook's URL, events, status or secret. What was on its way goes to the new URL.

    Disabled, it gets nothing, and what was on its way ends as failed.
    """
    changes = service.WebhookChanges(body.url, body.events, body.status, body.secret)
    if changes == service.WebhookChanges():
        raise InvalidRequest("Name what shall change: url, events, status or secret.")
    if body.url is not None:
        await service.check_url(context.guard, body.url)
    known_id = parse_id(WebhookId, webhook_id)
    return webhook_body(
        await service.update_webhook(
            session, context.box, caller.tenant_id, known_id, changes, now=context.clock()
        )
    )


@router.post(
    "/{webhook_id}/rotate-secret",
    response_model=WebhookCreated,
    responses={**replayable(200), **errors(401, 403, 404, 409, 413)},
)
async def rotate_secret(
    webhook_id: str,
    session: Session,
    context: Context,
    caller: WebhookWriter,
    once: OncePerKey,
    body: SecretRequest | None = None,
) -> Response:
    """Replace the secret; the answer holds the new one, this once.

    From now on `X-VocaFuse-Signature` is made with the new secret. `webhook-signature` carries a
    signature by the old one as well, for 24 hours.
    """
    known_id, secret = parse_id(WebhookId, webhook_id), body.secret if body else None

    async def rotate() -> WebhookCreated:
        webhook = await service.rotate_secret(
            session, context.box, caller.tenant_id, known_id, secret=secret, now=context.clock()
        )
        return webhook_created(webhook, open_secret(context.box, webhook))

    return await once.answer(session, rotate, status=200)


@router.delete("/{webhook_id}", status_code=204, responses=errors(401, 403, 404))
async def delete_webhook(webhook_id: str, session: Session, caller: WebhookWriter) -> Response:
    """Stop telling this URL, and drop what was still on its way there."""
    await service.delete_webhook(session, caller.tenant_id, parse_id(WebhookId, webhook_id))
    return Response(status_code=204)
