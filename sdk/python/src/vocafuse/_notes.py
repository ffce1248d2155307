# Made of _async_notes.py by `make sdk`: change that one.
"""The voice notes of the sync client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import IO, TYPE_CHECKING, Literal

from vocafuse import _flows, _note_flows
from vocafuse._audio import open_audio
from vocafuse._calls import (
    create_from_url_call,
    form_upload_call,
    note_filters,
    restore_call,
    transcribe_call,
    update_item_call,
    upload_call,
)
from vocafuse._collections import Collection
from vocafuse._models import VoiceNote
from vocafuse._one_note import VoiceNoteResource
from vocafuse._pages import Page

if TYPE_CHECKING:
    from vocafuse._sending import Http


class VoiceNotes(Collection[VoiceNote]):
    """The voice notes of an account; called with an id, it names one of them."""

    def __init__(self, http: Http, name: str) -> None:
        super().__init__(http, name, name, VoiceNote)

    def __call__(self, note_id: str) -> VoiceNoteResource:
        """Names one note. Nothing is sent before a method of it is called."""
        return VoiceNoteResource(self._http, self, self._path, note_id)

    def list(
        self,
        *,
        page: int | None = None,
        limit: int | None = None,
        status: str | None = None,
        date_from: str | date | None = None,
        date_to: str | date | None = None,
        q: str | None = None,
        sort: Literal["newest", "relevance"] | None = None,
        custom_tags: Mapping[str, str] | None = None,
        user_id: str | None = None,
    ) -> Page[VoiceNote]:
        """One page of notes, the newest first.

        Args:
            page: Number of the page, from 0.
            limit: Notes on a page, 1 to 100; 50 when not given.
            status: Only notes in this state: `processing`, `transcribed` or `failed`.
            date_from: Only notes from this day or moment on; a `datetime` without a zone is UTC.
            date_to: Only notes up to this moment, or to the end of this day.
            q: Only notes whose title or transcription holds these words, in any case and inflection;
                `"quoted words"` together, `-without`, one `or` another. `note.match` says where.
            sort: `relevance` puts the best hits for `q` first.
            custom_tags: Only notes that have all of these.
            user_id: Only notes of this end user.

        Raises:
            ValidationError: A filter is not acceptable; `details` names it.
        """
        filters = note_filters(status, date_from, date_to, q, sort, custom_tags, user_id)
        return self._list(page=page, limit=limit, **filters)

    def list_all(
        self,
        *,
        limit: int | None = None,
        status: str | None = None,
        date_from: str | date | None = None,
        date_to: str | date | None = None,
        q: str | None = None,
        sort: Literal["newest", "relevance"] | None = None,
        custom_tags: Mapping[str, str] | None = None,
        user_id: str | None = None,
    ) -> Iterator[VoiceNote]:
        """All notes, fetched page by page while they are iterated over.

        Args:
            limit: Notes to fetch with each request, 1 to 100; it does not limit their total.
            status: As for `list`.
            date_from: As for `list`.
            date_to: As for `list`.
            q: As for `list`.
            sort: As for `list`.
            custom_tags: As for `list`.
            user_id: As for `list`.

        Raises:
            ValidationError: A filter is not acceptable; raised when the first note is asked for.
        """
        filters = note_filters(status, date_from, date_to, q, sort, custom_tags, user_id)
        return self._list_all(limit=limit, **filters)

    def upload(
        self,
        path_or_file: str | os.PathLike[str] | IO[bytes],
        *,
        custom_tags: Mapping[str, str] | None = None,
        user_id: str | None = None,
        language: str | None = None,
        on_progress: Callable[[int, int], object] | None = None,
        via: Literal["signed_url", "form"] = "signed_url",
        idempotency_key: str | None = None,
    ) -> VoiceNote:
        """Uploads audio; its transcription starts by itself.

        What fails on its way for a passing reason is sent again, without making a second note.

        Args:
            path_or_file: A path, or a file opened in binary mode, which is read from where it stands.
                A stream that cannot seek is first read into memory.
            custom_tags: At most 10 short texts that come back on the note and in webhooks.
            user_id: The end user the note belongs to.
            language: What is spoken, such as `en`; detected when not given.
            on_progress: Called with the bytes sent and the bytes in total. Starts again at 0 when
                the transfer has to be repeated.
            via: `signed_url` sends the audio to where the service stores it; `form` sends it in the
                one request that makes the note, which is quicker for short audio.
            idempotency_key: Up to 255 characters that name this upload. The same upload with the same
                key gets the same note: for 24 hours by `form`, for 15 minutes by `signed_url`. Made
                anew for each call when not given.

        Returns:
            The note, usually still in state `processing`; see `wait`.

        Raises:
            OSError: The file cannot be read.
            ValidationError: It is empty, too large, no audio, or the service refuses a field.
            ConflictError: The key was used for another upload.
        """
        with open_audio(path_or_file, on_progress) as audio:
            if via == "form":
                call = form_upload_call(
                    self._path,
                    audio,
                    custom_tags=custom_tags,
                    user_id=user_id,
                    language=language,
                    idempotency_key=idempotency_key,
                )
                return self._fetch(call)
            call = upload_call(
                audio,
                custom_tags=custom_tags,
                user_id=user_id,
                language=language,
                idempotency_key=idempotency_key,
            )
            known_key = idempotency_key is not None
            flow = _note_flows.upload(self._path, call, audio, self._http.policy, known_key=known_key)
            return self._http.run(flow)

    def create_from_url(
        self,
        url: str,
        *,
        title: str | None = None,
        tags: Sequence[str] | None = None,
        idempotency_key: str | None = None,
    ) -> VoiceNote:
        """Has the service fetch audio from a URL and transcribe it.

        Args:
            url: An http(s) URL that leads to the audio, 25 MB at most, within 30 s.
            title: At most 255 characters; made of the time when not given.
            tags: At most 50 texts of at most 64 characters.
            idempotency_key: As for `upload`, for 24 hours.

        Returns:
            The note in state `processing`. It becomes `failed` if the audio cannot be fetched.

        Raises:
            ValidationError: The URL is not one, or leads into a private network; or `base_url` does
                not end in `/v1`, beside which the service's second API does this.
        """
        call = create_from_url_call(url, title=title, tags=tags, idempotency_key=idempotency_key)
        return self._http.run(_note_flows.create_from_url(self._path, call, self._http.policy))

    def wait(self, note_id: str, timeout: float = 120) -> VoiceNote:
        """Waits until a note is transcribed.

        Listens to the service's events, and asks for the note again and again where they do not come
        through.

        Args:
            note_id: The note's id.
            timeout: Seconds to wait at most.

        Raises:
            TranscriptionFailedError: The service gave up; the message says why.
            WaitTimeoutError: It takes longer than `timeout`.
            NotFoundError: There is no such note.
        """
        now_s = self._http.clock.now_s
        return self._http.run(_note_flows.wait(self._path, note_id, timeout, self._http.policy, now_s))

    def update(
        self,
        note_id: str,
        *,
        title: str | None = None,
        tags: Sequence[str] | None = None,
        custom_tags: Mapping[str, str] | None = None,
    ) -> VoiceNote:
        """Changes what is given; the rest stays as it is.

        Args:
            note_id: The note's id.
            title: At most 255 characters.
            tags: At most 50 texts of at most 64 characters; they replace those there were.
            custom_tags: At most 10 short texts; they replace those there were.

        Raises:
            ValidationError: Nothing was given, or something is not acceptable.
            NotFoundError: There is no such note.
        """
        changes = {"title": title, "tags": tags, "custom_tags": custom_tags}
        return self._fetch(update_item_call("PATCH", self._path, note_id, **changes))

    def delete(self, note_id: str, *, undo_seconds: int | None = None) -> None:
        """Deletes a note, its audio and its transcription for good.

        Args:
            note_id: The note's id.
            undo_seconds: For how long `restore` brings it back, up to a day; not given: not at all.

        Raises:
            NotFoundError: There is no such note.
        """
        self._http.run(_flows.delete(self._path, note_id, self._http.policy, undo_seconds))

    def restore(self, note_id: str) -> VoiceNote:
        """Brings back a note that was deleted with `undo_seconds`.

        Raises:
            NotFoundError: It is gone for good, or there was none.
        """
        return self._fetch(restore_call(self._path, note_id))

    def transcribe(
        self, note_id: str, *, language: str | None = None, idempotency_key: str | None = None
    ) -> VoiceNote:
        """Has a note transcribed again; `wait` waits for the new text.

        The text that there is stays until then.

        Args:
            note_id: The note's id.
            language: What is spoken, such as `en`; not given: as it was asked for before.
            idempotency_key: As for `upload`, for 24 hours.

        Raises:
            ConflictError: Its audio has not arrived yet.
            NotFoundError: There is no such note.
        """
        return self._fetch(transcribe_call(self._path, note_id, language, idempotency_key))
