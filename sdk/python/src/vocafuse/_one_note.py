# Made of _async_one_note.py by `make sdk`: change that one.
"""One voice note of the sync client, and its transcription."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from vocafuse import _flows
from vocafuse._calls import get_call, transcript_call
from vocafuse._collections import Resource
from vocafuse._models import Transcription, VoiceNote

if TYPE_CHECKING:
    from vocafuse._notes import VoiceNotes
    from vocafuse._sending import Http


class TranscriptionResource:
    """The transcription of one voice note."""

    def __init__(self, http: Http, collection: str, note_id: str) -> None:
        self._http = http
        self._collection = collection
        self._note_id = note_id

    def get(self) -> Transcription:
        """The text with its words and segments.

        Raises:
            NotFoundError: It is not ready (code 3002), it failed (3003), or there is no such note.
        """
        call = get_call(self._collection, self._note_id, "transcription")
        return self._http.run(_flows.fetch_item(call, Transcription, self._http.policy))

    def export(self, format: str) -> str:
        """The text as a file would hold it.

        Args:
            format: `text`, or `srt` or `vtt` for subtitles.

        Raises:
            NotFoundError: As for `get`.
            ValidationError: The service does not know the format.
        """
        call = transcript_call(self._collection, self._note_id, format)
        answer = self._http.run(_flows.exchange(call, self._http.policy))
        return answer.body.decode(errors="replace")


class VoiceNoteResource(Resource[VoiceNote]):
    """One voice note, named by its id. Nothing is sent before a method is called.

    Attributes:
        id: The id that was given.
        transcription: Its text.
    """

    _collection: VoiceNotes

    def __init__(self, http: Http, collection: VoiceNotes, name: str, note_id: str) -> None:
        super().__init__(collection, note_id)
        self.transcription = TranscriptionResource(http, name, note_id)
        self._http = http
        self._name = name

    def update(
        self,
        *,
        title: str | None = None,
        tags: Sequence[str] | None = None,
        custom_tags: Mapping[str, str] | None = None,
    ) -> VoiceNote:
        """Changes what is given, as `client.voicenotes.update` does."""
        return self._collection.update(self.id, title=title, tags=tags, custom_tags=custom_tags)

    def delete(self, *, undo_seconds: int | None = None) -> None:
        """Deletes the note, as `client.voicenotes.delete` does."""
        self._collection.delete(self.id, undo_seconds=undo_seconds)

    def restore(self) -> VoiceNote:
        """Brings the note back, as `client.voicenotes.restore` does."""
        return self._collection.restore(self.id)

    def transcribe(self, *, language: str | None = None, idempotency_key: str | None = None) -> VoiceNote:
        """Has the note transcribed again, as `client.voicenotes.transcribe` does."""
        return self._collection.transcribe(self.id, language=language, idempotency_key=idempotency_key)

    def wait(self, timeout: float = 120) -> VoiceNote:
        """Waits until the note is transcribed, as `client.voicenotes.wait` does."""
        return self._collection.wait(self.id, timeout)

    def audio(self) -> bytes:
        """The audio as it was uploaded, 25 MB at most.

        Raises:
            NotFoundError: It has not arrived yet, or there is no such note.
        """
        call = get_call(self._name, self.id, "audio")
        return (self._http.run(_flows.exchange(call, self._http.policy))).body
