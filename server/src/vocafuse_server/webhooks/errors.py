"""What goes wrong with webhooks."""

from vocafuse_server.core.errors import Conflict, NotFound


class WebhookNotFound(NotFound):
    code = 3004
    name = "WEBHOOK_NOT_FOUND"
    default_message = "Webhook not found"


class DeliveryNotFound(NotFound):
    default_message = "Delivery not found"


class WebhookDisabled(Conflict):
    default_message = "This webhook is disabled. Set its status to active first."


class WebhookExists(Conflict):
    default_message = "There is a webhook for this URL already."


class TooManyRotations(Conflict):
    default_message = "The secret has been replaced too often within 24 hours. Try again tomorrow."
