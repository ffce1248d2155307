"""The resources of the sync client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import IO, TYPE_CHECKING, Generic

from vocafuse import _flows
from vocafuse._audio import open_audio
from vocafuse._calls import (
    Call,
    FilterValue,
    create_webhook_call,
    get_call,
    list_call,
    next_page_call,
    transcribe_call,
    upload_call,
)
from vocafuse._models import ItemT, Transcription, VoiceNote, Webhook
from vocafuse._pages import Page

if TYPE_CHECKING:
    from vocafuse._sync import SyncHttp


class Resource(Generic[ItemT]):
    """One item, named by its id. Nothing is sent before a method is called."""

    def __init__(self, collection: Collection[ItemT], item_id: str) -> None:
        self.id = item_id
        self._collection = collection

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def get(self) -> ItemT:
        """The item as it is now."""
        return self._collection.get(self.id)

    def delete(self) -> None:
        """Deletes the item for good."""
        self._collection.delete(self.id)


class Collection(Generic[ItemT]):
    """What every collection of the service offers."""

    def __init__(self, http: SyncHttp, name: str, model: type[ItemT]) -> None:
        self._http = http
        self._name = name
        self._model = model

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    def get(self, item_id: str) -> ItemT:
        """One item by its id.

        Raises:
            NotFoundError: There is none with this id.
        """
        return self._model(self._http.run(_flows.fetch(get_call(self._name, item_id), self._http.policy)))

    def delete(self, item_id: str) -> None:
        """Deletes one item for good.

        Raises:
            NotFoundError: There is none with this id.
        """
        self._http.run(_flows.delete(self._name, item_id, self._http.policy))

    def _page(self, call: Call) -> Page[ItemT]:
        return Page(self._http.run(_flows.fetch(call, self._http.policy)), self._name, self._model)

    def _list(self, **filters: FilterValue) -> Page[ItemT]:
        return self._page(list_call(self._name, filters))

    def _list_all(self, **filters: FilterValue) -> Iterator[ItemT]:
        page = self._list(**filters)
        yield from page
        while page.next_page_uri is not None:
            page = self._page(next_page_call(self._name, page.next_page_uri))
            yield from page


class TranscriptionResource:
    """The transcription of one voice note."""

    def __init__(self, http: SyncHttp, collection: str, note_id: str) -> None:
        self._http = http
        self._call = get_call(collection, note_id, "transcription")

    def get(self) -> Transcription:
        """The text with its words and segments.

        Raises:
            NotFoundError: It is not ready (code 3002), it failed (3003), or there is no such note.
        """
        return Transcription(self._http.run(_flows.fetch(self._call, self._http.policy)))


class VoiceNoteResource(Resource[VoiceNote]):
    """One voice note, named by its id."""

    def __init__(self, http: SyncHttp, collection: VoiceNotes, name: str, note_id: str) -> None:
        super().__init__(collection, note_id)
        self.transcription = TranscriptionResource(http, name, note_id)
        self._http = http
        self._name = name

    def transcribe(self, *, language: str | None = None) -> VoiceNote:
        """Has the note transcribed again; `client.voicenotes.wait` waits for the new text.

        The text that there is stays until then.

        Args:
            language: What is spoken, such as `en`; not given: as it was asked for before.

        Raises:
            ConflictError: Its audio has not arrived yet.
            NotFoundError: There is no such note.
        """
        call = transcribe_call(self._name, self.id, language)
        return VoiceNote(self._http.run(_flows.fetch(call, self._http.policy)))

    def audio(self) -> bytes:
        """The audio as it was uploaded, 25 MB at most.

        Raises:
            NotFoundError: It has not arrived yet, or there is no such note.
        """
        call = get_call(self._name, self.id, "audio")
        return self._http.run(_flows.exchange(call, self._http.policy)).body


class VoiceNotes(Collection[VoiceNote]):
    """The voice notes of an account; called with an id, it names one of them."""

    def __init__(self, http: SyncHttp, name: str) -> None:
        super().__init__(http, name, VoiceNote)

    def __call__(self, note_id: str) -> VoiceNoteResource:
        return VoiceNoteResource(self._http, self, self._name, note_id)

    def list(
        self,
        *,
        page: int | None = None,
        limit: int | None = None,
        status: str | None = None,
        date_from: str | date | None = None,
        date_to: str | date | None = None,
    ) -> Page[VoiceNote]:
        """One page of notes, the newest first.

        Args:
            page: Number of the page, from 0.
            limit: Notes on a page, 1 to 100.
            status: Only notes in this state: `processing`, `transcribed` or `failed`.
            date_from: Only notes from this day or moment on; a `datetime` without a zone is UTC.
            date_to: Only notes up to this moment, or to the end of this day.
        """
        return self._list(page=page, limit=limit, status=status, date_from=date_from, date_to=date_to)

    def list_all(
        self,
        *,
        limit: int | None = None,
        status: str | None = None,
        date_from: str | date | None = None,
        date_to: str | date | None = None,
    ) -> Iterator[VoiceNote]:
        """All notes, fetched page by page while they are iterated over.

        Args:
            limit: Notes to fetch with each request, 1 to 100; it does not limit their total.
            status: As for `list`.
            date_from: As for `list`.
            date_to: As for `list`.
        """
        return self._list_all(limit=limit, status=status, date_from=date_from, date_to=date_to)

    def upload(
        self,
        path_or_file: str | os.PathLike[str] | IO[bytes],
        *,
        custom_tags: Mapping[str, str] | None = None,
        user_id: str | None = None,
        language: str | None = None,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> VoiceNote:
        """Uploads audio; its transcription starts by itself.

        Args:
            path_or_file: A path, or a file opened in binary mode, which is read from where it stands.
                A stream that cannot seek is first read into memory.
            custom_tags: At most 10 short texts that come back on the note and in webhooks.
            user_id: The end user the note belongs to.
            language: What is spoken, such as `en`; detected when not given.
            on_progress: Called with the bytes sent and the bytes in total. Starts again at 0 when
                the transfer has to be repeated.

        Returns:
            The note, usually still in state `processing`; see `wait`.

        Raises:
            OSError: The file cannot be read.
            ValidationError: It is empty, or the service refuses it.
        """
        with open_audio(path_or_file, on_progress) as audio:
            call = upload_call(audio, custom_tags=custom_tags, user_id=user_id, language=language)
            return self._http.run(_flows.upload(self._name, call, audio, self._http.policy))

    def wait(self, note_id: str, timeout: float = 120) -> VoiceNote:
        """Waits until a note is transcribed.

        Args:
            note_id: The note's id.
            timeout: Seconds to wait at most.

        Raises:
            TranscriptionFailedError: The service gave up; the message says why.
            WaitTimeoutError: It takes longer than `timeout`.
        """
        return self._http.run(
            _flows.wait(self._name, note_id, timeout, self._http.policy, self._http.clock.now_s)
        )


class Webhooks(Collection[Webhook]):
    """The webhooks of an account; called with an id, it names one of them."""

    def __init__(self, http: SyncHttp) -> None:
        super().__init__(http, "webhooks", Webhook)

    def __call__(self, webhook_id: str) -> Resource[Webhook]:
        return Resource(self, webhook_id)

    def create(self, *, url: str, events: Sequence[str], secret: str | None = None) -> Webhook:
        """Subscribes a URL to events.

        Args:
            url: Where the events are sent.
            events: Such as `voicenote.transcribed`.
            secret: Signs the payloads; made by the service when not given.

        Returns:
            The webhook, with the `secret` for `RequestValidator`. It is shown this once only.

        Raises:
            ConflictError: There is a webhook for this URL already.
        """
        call = create_webhook_call(url, events, secret)
        return Webhook(self._http.run(_flows.fetch(call, self._http.policy)))

    def list(
        self, *, page: int | None = None, limit: int | None = None, status: str | None = None
    ) -> Page[Webhook]:
        """One page of webhooks.

        Args:
            page: Number of the page, from 0.
            limit: Webhooks on a page, 1 to 100.
            status: Only those that are `active` or `disabled`.
        """
        return self._list(page=page, limit=limit, status=status)

    def list_all(self, *, limit: int | None = None, status: str | None = None) -> Iterator[Webhook]:
        """All webhooks, fetched page by page, `limit` with each request."""
        return self._list_all(limit=limit, status=status)
