"""What happens over several requests, as generators that ask for requests and are sent the outcomes.

The sync and the async shell drive the same flows, so neither repeats what is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from vocafuse._answers import Answer, Failure, error_for_answer, error_for_failure, read_json
from vocafuse._calls import Call, SignedPut, delete_call, get_call
from vocafuse._errors import (
    NotFoundError,
    TranscriptionFailedError,
    VocaFuseError,
    WaitTimeoutError,
)
from vocafuse._models import VoiceNote
from vocafuse._retries import RetryPolicy, may_have_happened

if TYPE_CHECKING:
    from vocafuse._audio import AudioSource

FIRST_POLL_S = 0.1
MAX_POLL_S = 1.0
POLL_GROWTH = 1.5
TRANSCRIPTION_FAILED = 3003

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Send:
    """Asks the shell to send a request, after a pause."""

    request: Call | SignedPut
    after_s: float = 0.0


Flow = Generator[Send, "Answer | Failure", ResultT]


def exchange(request: Call | SignedPut, policy: RetryPolicy, *, after_s: float = 0.0) -> Flow[Answer]:
    """One logical call with its retries.

    Raises:
        VocaFuseError: The class says what went wrong.
    """
    retries, maybe_done = 0, False
    while True:
        outcome = yield Send(request, after_s)
        delay_s = policy.next_delay_s(outcome, retries=retries, repeatable=request.repeatable)
        if delay_s is None:
            return _settle(outcome, request.done_status if maybe_done else None)
        maybe_done = maybe_done or may_have_happened(outcome)
        retries, after_s = retries + 1, delay_s


def fetch(call: Call, policy: RetryPolicy) -> Flow[dict[str, Any]]:
    """The JSON object that a call returns."""
    answer = yield from exchange(call, policy)
    return read_json(answer)


def delete(collection: str, item_id: str, policy: RetryPolicy) -> Flow[None]:
    """Deletes one item."""
    yield from exchange(delete_call(collection, item_id), policy)


def upload(collection: str, announcement: Call, audio: AudioSource, policy: RetryPolicy) -> Flow[VoiceNote]:
    """Announces the audio, sends it, and fetches the note that it became."""
    slot = yield from fetch(announcement, policy)
    note_id, url = slot.get("voicenote_id"), slot.get("presigned_url")
    if not isinstance(note_id, str) or not isinstance(url, str):
        raise VocaFuseError("The server's answer to the upload names no note or no URL to send the audio to.")
    yield from exchange(SignedPut(url, audio), policy)
    wire = yield from fetch(get_call(collection, note_id), policy)
    return VoiceNote(wire)


def wait(
    collection: str, note_id: str, timeout_s: float, policy: RetryPolicy, clock: Callable[[], float]
) -> Flow[VoiceNote]:
    """Polls until the note is transcribed.

    Raises:
        TranscriptionFailedError: The service gave up on it.
        WaitTimeoutError: It takes longer than `timeout_s`.
    """
    deadline = clock() + timeout_s
    call, pause_s, next_pause_s = get_call(collection, note_id), 0.0, FIRST_POLL_S
    while True:
        answer = yield from exchange(call, policy, after_s=pause_s)
        note = VoiceNote(read_json(answer))
        if note.status == "transcribed":
            return note
        if note.status == "failed":
            raise (yield from _failure_of(collection, note, policy))
        remaining_s = deadline - clock()
        if remaining_s <= 0:
            raise WaitTimeoutError(
                f"{note_id} is not transcribed after {timeout_s:g} s: still {note.status}."
            )
        pause_s = min(next_pause_s, remaining_s)
        next_pause_s = min(next_pause_s * POLL_GROWTH, MAX_POLL_S)


def _failure_of(collection: str, note: VoiceNote, policy: RetryPolicy) -> Flow[TranscriptionFailedError]:
    # A note of an older server says only that it failed; why is then in the answer to asking for its
    # transcription. A note that was transcribed before still has that, so what the note says comes after.
    try:
        yield from exchange(get_call(collection, note.id, "transcription"), policy)
    except NotFoundError as error:
        if error.code == TRANSCRIPTION_FAILED:
            return TranscriptionFailedError(
                error.message, error.status_code, error.code, error.details, error.request_id
            )
    failure: Any = note.get("failure")
    reason = f": {failure['message']}" if isinstance(failure, dict) and "message" in failure else "."
    return TranscriptionFailedError(f"The transcription of {note.id} failed{reason}")


def _settle(outcome: Answer | Failure, done_status: int | None) -> Answer:
    if isinstance(outcome, Failure):
        raise error_for_failure(outcome)
    if outcome.ok or outcome.status == done_status:
        return outcome
    raise error_for_answer(outcome)
