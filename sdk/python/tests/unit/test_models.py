from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any

import httpx2
import pytest

from vocafuse import Client, Page, Transcription, VoiceNote, Webhook

Json = dict[str, Any]


def test_times_are_strings_on_the_wire_and_aware_as_attributes(note_json: Callable[..., Json]) -> None:
    note = VoiceNote(note_json())
    assert note["created_at"] == "2025-10-06T17:33:31"
    assert note.created_at == datetime(2025, 10, 6, 17, 33, 31, tzinfo=timezone.utc)
    assert note.processed_at is None
    assert VoiceNote(note_json(created_at="2025-10-06T17:33:31.000Z")).created_at == note.created_at
    assert VoiceNote(note_json(created_at="2025-10-06T19:33:31+02:00")).created_at == note.created_at


def test_a_note_is_a_mapping_that_keeps_unknown_fields(note_json: Callable[..., Json]) -> None:
    wire = note_json(mood="calm")
    note = VoiceNote(wire)
    assert dict(note) == note.to_dict() == wire
    assert note.get("absent") is None
    assert note["mood"] == getattr(note, "mood") == "calm"  # noqa: B009 - type checkers do not know it
    assert note.sample_rate is None
    assert not hasattr(note, "stauts")
    with pytest.raises(KeyError):
        _ = note["absent"]


def test_to_dict_gives_a_copy(note_json: Callable[..., Json]) -> None:
    note = VoiceNote(note_json(custom_tags={"a": "b"}))
    note.to_dict()["custom_tags"]["a"] = "changed"
    assert note.custom_tags == {"a": "b"}


def test_items_can_be_copied_and_pickled(note_json: Callable[..., Json]) -> None:
    note = VoiceNote(note_json())
    assert pickle.loads(pickle.dumps(note)) == copy.copy(note) == note


def test_words_and_segments(transcription_json: Json) -> None:
    transcription = Transcription(transcription_json)
    assert isinstance(transcription["words"], str)
    [word] = transcription.words
    assert (word.word, word.start_time, word.end_time, word.confidence) == ("Hello", 0.1, 0.5, 0.9)
    [segment] = transcription.segments
    assert (segment.start, segment.end, segment.text) == (0.1, 1.0, "Hello world.")


@pytest.mark.parametrize("words", ["[]", None, "not json", "5", '["no object"]'])
def test_words_without_words(transcription_json: Json, words: str | None) -> None:
    assert Transcription({**transcription_json, "words": words}).words == []


def test_representations_are_short(note_json: Callable[..., Json]) -> None:
    assert repr(VoiceNote(note_json())) == "VoiceNote(id='rec_123', status='transcribed')"
    assert "whsec" not in repr(Webhook({"id": "w", "secret": "whsec_x"}))


def test_page(note_json: Callable[..., Json]) -> None:
    wire = {"voicenotes": [note_json(id="a"), note_json(id="b")], "next_page_uri": "/x?page=1", "total": 7}
    page = Page(wire, "voicenotes", VoiceNote)
    assert (len(page), page.total, page.next_page_uri) == (2, 7, "/x?page=1")
    assert [note.id for note in page] == [page[0].id, page[1].id] == ["a", "b"]
    assert page["total"] == 7
    assert page["voicenotes"][0].created_at.tzinfo is timezone.utc
    assert page.to_dict() == wire
    assert repr(page) == "Page(voicenotes=2, page=0, total=7)"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("2025-10-01", "2025-10-01"),
        (date(2025, 10, 1), "2025-10-01"),
        (datetime(2025, 10, 1, 12), "2025-10-01T12:00:00"),  # noqa: DTZ001 - documented as UTC
        (datetime(2025, 10, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2025-10-01T10:00:00"),
    ],
)
def test_dates_as_filters(make_client: Callable[..., Client], given: str | date, sent: str) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.params["date_from"])
        return httpx2.Response(200, json={"voicenotes": [], "next_page_uri": None, "total": 0})

    make_client(answer).voicenotes.list(date_from=given)
    assert asked == [sent]
