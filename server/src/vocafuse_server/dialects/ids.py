"""Ids in paths."""

from vocafuse_server.core.ids import ApiKeyId, DeliveryId, NoteId, WebhookId, parse_uuid


def parse_note_id(text: str) -> NoteId | None:
    """The note's id; None for anything that can't be one, which is then simply unknown."""
    found = parse_uuid(text)
    return None if found is None else NoteId(found)


def parse_webhook_id(text: str) -> WebhookId | None:
    """The webhook's id; None for anything that can't be one."""
    found = parse_uuid(text)
    return None if found is None else WebhookId(found)


def parse_delivery_id(text: str) -> DeliveryId | None:
    """The delivery's id; None for anything that can't be one."""
    found = parse_uuid(text)
    return None if found is None else DeliveryId(found)


def parse_api_key_id(text: str) -> ApiKeyId | None:
    """The API key's id; None for anything that can't be one."""
    found = parse_uuid(text)
    return None if found is None else ApiKeyId(found)
