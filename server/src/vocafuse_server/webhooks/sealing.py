"""The secrets of webhooks, which are kept sealed: signing takes them, so digests won't do."""

from typing import Any

from vocafuse_server.core.database import Database, JsonObject
from vocafuse_server.core.ids import WebhookId
from vocafuse_server.core.logging import get_logger
from vocafuse_server.core.secret_box import SecretBox, SecretUnreadable
from vocafuse_server.webhooks import queries
from vocafuse_server.webhooks.models import Webhook
from vocafuse_server.webhooks.rotation import Secrets

log = get_logger(__name__)

_SEALED_AT_ONCE = 100


def sealed_columns(box: SecretBox, webhook_id: WebhookId, secrets: Secrets) -> dict[str, Any]:
    """The columns that keep these secrets."""
    place = _place(webhook_id)
    old = [{**one, "secret": box.seal(one["secret"], place=place)} for one in secrets.old]
    return {"secret": box.seal(secrets.current, place=place), "old_secrets": old}


def open_secret(box: SecretBox, webhook: Webhook) -> str:
    """The webhook's secret.

    Raises:
        SecretUnreadable: Its key isn't here.
    """
    return box.open(webhook.secret, place=_place(webhook.id))


def open_secrets(box: SecretBox, webhook: Webhook) -> Secrets:
    """The webhook's secret, and those it replaced as far as they can be read.

    Raises:
        SecretUnreadable: The key of the secret itself isn't here.
    """
    old = [opened for one in webhook.old_secrets if (opened := _find_old(box, webhook.id, one))]
    return Secrets(open_secret(box, webhook), old)


async def seal_all_anew(database: Database, box: SecretBox) -> int:
    """Seal what is in the clear, or sealed with a replaced key; says how many webhooks that were."""
    sealed, last_id = 0, None
    while True:
        async with database.transaction() as session:
            found = await queries.lock_webhooks_sealed_otherwise(
                session, box.current_prefix, after=last_id, limit=_SEALED_AT_ONCE
            )
            for webhook in found:
                sealed += _seal_anew(box, webhook)
        if len(found) < _SEALED_AT_ONCE:
            return sealed
        last_id = found[-1].id


def _seal_anew(box: SecretBox, webhook: Webhook) -> bool:
    kept = [webhook.secret, *(str(one["secret"]) for one in webhook.old_secrets)]
    if all(box.is_current(one) for one in kept):
        return False
    try:
        columns = sealed_columns(box, webhook.id, open_secrets(box, webhook))
    except SecretUnreadable as error:
        log.error("webhook secret unreadable", webhook_id=str(webhook.id), reason=str(error))
        return False
    webhook.secret, webhook.old_secrets = columns["secret"], columns["old_secrets"]
    return True


def _find_old(box: SecretBox, webhook_id: WebhookId, one: JsonObject) -> JsonObject | None:
    try:
        return {**one, "secret": box.open(one["secret"], place=_place(webhook_id))}
    except SecretUnreadable:
        return None


def _place(webhook_id: WebhookId) -> str:
    return f"webhook:{webhook_id}"
