"""What goes wrong with idempotency keys, and what makes the work needless."""

from vocafuse_server.core.errors import Conflict


class KeyReused(Conflict):
    default_message = (
        "This Idempotency-Key came with another request before. Use a new one for a new request."
    )


class StillInProgress(Conflict):
    retry_after_s = 1
    default_message = "The first request with this Idempotency-Key is still in progress. Send it again."


class AnsweredBefore(Exception):
    """The request had its answer already. Raised, so that what was prepared for the work is undone.

    Attributes:
        status: HTTP status of the first answer.
        body: The first answer as it went over the wire.
    """

    def __init__(self, status: int, body: str) -> None:
        self.status = status
        self.body = body
        super().__init__("the request has been answered before")
