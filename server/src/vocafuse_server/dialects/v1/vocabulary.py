"""v1's two words for a note: `voicenotes`, and `recordings` in older clients.

One set of routes serves both; what differs is here.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from vocafuse_server.core.ids import NoteId
from vocafuse_server.webhooks.events import Noun


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How one spelling of v1 calls things."""

    noun: Noun
    title: str

    @property
    def collection(self) -> str:
        """The name in paths, and the key of a page's items."""
        return f"{self.noun}s"

    @property
    def foreign_key(self) -> str:
        """The name of the note's id in a transcription."""
        return f"{self.noun}_id"

    @property
    def path(self) -> str:
        return f"/v1/{self.collection}"

    def uri(self, note_id: NoteId) -> str:
        return f"{self.path}/{note_id}"

    def transcription_uri(self, note_id: NoteId) -> str:
        return f"{self.uri(note_id)}/transcription"


VOICENOTES = Vocabulary(Noun.VOICENOTE, "Voice note")
RECORDINGS = Vocabulary(Noun.RECORDING, "Recording")


def vocabulary_of(request: Request) -> Vocabulary:
    """The spelling that a request's path uses."""
    path: str = request.scope["path"]
    is_recordings = path.startswith(f"{RECORDINGS.path}/") or path == RECORDINGS.path
    return RECORDINGS if is_recordings else VOICENOTES


async def _spelling(request: Request) -> Vocabulary:
    return vocabulary_of(request)


Spelling = Annotated[Vocabulary, Depends(_spelling)]
