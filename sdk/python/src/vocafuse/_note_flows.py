"""Uploading a note, and waiting for its text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vocafuse._answers import Answer, Failure, read_json
from vocafuse._calls import Call, SignedPut, events_call, fetch_audio_call, get_call
from vocafuse._errors import (
    NotFoundError,
    TranscriptionFailedError,
    VocaFuseError,
    WaitTimeoutError,
)
from vocafuse._event_flows import is_event_stream
from vocafuse._flows import Flow, Open, Read, exchange, fetch, fetch_item
from vocafuse._items import item_or_none
from vocafuse._models import VoiceNote
from vocafuse._retries import RetryPolicy
from vocafuse._server_events import EventReader

if TYPE_CHECKING:
    from vocafuse._audio import AudioSource

FIRST_POLL_S = 0.1
MAX_POLL_S = 1.0
POLL_GROWTH = 1.5
TRANSCRIPTION_FAILED = 3003

# A stream says something every 15 s. One that says nothing for longer is held up on its way.
MAX_SILENCE_S = 20.0
# How much later than asked for `wait` may give up, so that the stream is not opened over and over.
SLACK_S = 1.0


def upload(
    collection: str, announcement: Call, audio: AudioSource, policy: RetryPolicy, *, known_key: bool
) -> Flow[VoiceNote]:
    """Announces the audio, sends it, and fetches the note that it became.

    Args:
        known_key: The idempotency key was given, so an earlier upload may have used it.
    """
    slot = yield from fetch(announcement, policy)
    note_id, url = slot.get("voicenote_id"), slot.get("presigned_url")
    if not isinstance(note_id, str) or not isinstance(url, str):
        raise VocaFuseError("The server's answer to the upload names no note or no URL to send the audio to.")
    yield from exchange(SignedPut(url, audio, may_be_done=known_key), policy)
    return (yield from fetch_item(get_call(collection, note_id), VoiceNote, policy))


def create_from_url(collection: str, creation: Call, policy: RetryPolicy) -> Flow[VoiceNote]:
    """Makes the note, has its audio fetched and transcribed, and fetches it as the first API shows it."""
    wire = yield from fetch(creation, policy)
    created = item_or_none(VoiceNote)(wire.get("voiceNote"))
    note_id = None if created is None else created.get("id")
    if not isinstance(note_id, str):
        raise VocaFuseError("The server's answer names no note.")
    yield from exchange(fetch_audio_call(note_id), policy)
    return (yield from fetch_item(get_call(collection, note_id), VoiceNote, policy))


def wait(
    collection: str, note_id: str, timeout_s: float, policy: RetryPolicy, clock: Callable[[], float]
) -> Flow[VoiceNote]:
    """Listens until the note is transcribed, and asks again and again where nothing can be heard.

    Raises:
        TranscriptionFailedError: The service gave up on it.
        WaitTimeoutError: It takes longer than `timeout_s`.
    """
    deadline = clock() + timeout_s
    yield from _listen(note_id, deadline, clock)
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


def _listen(note_id: str, deadline: float, clock: Callable[[], float]) -> Flow[None]:
    """Returns when the note is settled or gone, when time is up, or when nothing can be heard."""
    call = events_call(note_id)
    while (patience_s := min(deadline - clock(), MAX_SILENCE_S)) > 0:
        opened = yield Open(call, silence_s=patience_s)
        if not is_event_stream(opened):
            return
        reader = EventReader()
        # How long one piece may take is said once for all of them, so near the end it is said anew.
        while deadline - clock() > patience_s - SLACK_S:
            piece = yield Read()
            if isinstance(piece, Failure) or _settles(reader, piece):
                return


def _settles(reader: EventReader, piece: Answer) -> bool:
    notes = [event.voicenote for event in reader.feed(piece.body)]
    return any(note is None or note.status in {"transcribed", "failed"} for note in notes)


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
    reason = f": {note.failure.message}" if note.failure is not None else "."
    return TranscriptionFailedError(f"The transcription of {note.id} failed{reason}")
