"""Following what happens to notes, over as many connections as it takes."""

from __future__ import annotations

from vocafuse._answers import Answer, Failure
from vocafuse._calls import events_call
from vocafuse._errors import VocaFuseError
from vocafuse._flows import Emit, Feed, Open, Read, error_of
from vocafuse._models import Event
from vocafuse._retries import RetryPolicy
from vocafuse._server_events import EventReader

# Three times as long as a stream is quiet, before it is given up and opened again.
MAX_SILENCE_S = 45.0


def follow(voicenote_id: str | None, last_event_id: str | None, policy: RetryPolicy) -> Feed[Event]:
    """Events until the service refuses, or can't be reached by all the tries that the policy has.

    Raises:
        VocaFuseError: The class says why.
    """
    retries, pause_s = 0, 0.0
    while True:
        call = events_call(voicenote_id, last_event_id)
        opened = yield Open(call, silence_s=MAX_SILENCE_S, after_s=pause_s)
        if not is_event_stream(opened):
            pause_s = _pause_before_retry(opened, policy, retries)
            retries += 1
            continue
        reader, retries = EventReader(), 0
        while isinstance(piece := (yield Read()), Answer):
            for event in reader.feed(piece.body):
                last_event_id = event.id or last_event_id
                yield Emit(event)
        pause_s = reader.reconnect_s


def is_event_stream(opened: Answer | Failure) -> bool:
    """Whether events can be read from it."""
    if isinstance(opened, Failure) or not opened.ok:
        return False
    return opened.headers.get("content-type", "").startswith("text/event-stream")


def _pause_before_retry(opened: Answer | Failure, policy: RetryPolicy, retries: int) -> float:
    if isinstance(opened, Answer) and opened.ok:
        raise VocaFuseError(
            "The answer is not a stream of events; check that base_url leads to the voice notes API.",
            opened.status,
            request_id=opened.request_id,
        )
    delay_s = policy.next_delay_s(opened, retries=retries, repeatable=True)
    if delay_s is None:
        raise error_of(opened)
    return delay_s
