"""Documents 000 and 001: one note, its transcription, and deleting it, in both spellings."""

import asyncio

import pytest
from support.clips import word_error_rate
from support.listener import Listener

from conformance.conftest import Library
from conformance.examples import assert_same_form, example
from conformance.promises import Spelling, in_both_spellings
from conformance.service import ApiUser, Service

GET = "Get {title}"
TRANSCRIPTION = "Get Transcription"
DELETE = "Delete {title}"
SAID = "And it is worth mention in passing that, as an example of fine typography,"


@in_both_spellings(
    GET,
    "The example: the same fields in the same order, types and formats",
    deviation="the note has `title` and `tags` besides, after the published fields",
)
async def test_get_answers_like_the_example(library: Library, words: Spelling) -> None:
    note = await library.user.get(f"{words.path}/{library.mp3['id']}")
    assert_same_form(example(f"{words.document}_get"), note, added={"title", "tags"})


@in_both_spellings(GET, "`subresource_uris.transcription` is where the transcription is")
async def test_get_names_the_transcription(library: Library, words: Spelling) -> None:
    note = await library.user.get(f"{words.path}/{library.mp3['id']}")
    transcription = await library.user.get(note["subresource_uris"]["transcription"])
    assert transcription[f"{words.noun}_id"] == note["id"]


@in_both_spellings(
    GET,
    "An id is a string like `rec_abc123`",
    deviation="ids are UUIDs, as in all examples; any other text is an id that nothing has",
)
async def test_get_takes_an_id(user: ApiUser, words: Spelling) -> None:
    error = await user.refused("GET", f"{words.path}/rec_abc123", 404)
    assert error["message"] == f"{words.title.capitalize()} not found"


@in_both_spellings(GET, "The client library's `get(id)` answers with the note")
async def test_get_by_the_client_library(service: Service, library: Library, words: Spelling) -> None:
    with service.client(library.user) as client:
        note = await asyncio.to_thread(getattr(client, words.collection).get, library.mp3["id"])
    assert note.to_dict() == await library.user.get(f"{words.path}/{library.mp3['id']}")


@in_both_spellings(
    TRANSCRIPTION,
    "The example: the same fields in the same order, types and formats",
    deviation="one field is added, `segments`: the text in parts, each with `start` and `end` in seconds",
)
async def test_transcription_is_like_the_example(library: Library, words: Spelling) -> None:
    found = await library.user.get(f"{words.path}/{library.mp3['id']}/transcription")
    assert_same_form(example(f"{words.document}_transcription"), found, added={"segments"})
    assert list(found["segments"][0]) == ["start", "end", "text"]


@in_both_spellings(TRANSCRIPTION, "`text` is what was said")
async def test_transcription_is_what_was_said(library: Library, words: Spelling) -> None:
    found = await library.user.get(f"{words.path}/{library.mp3['id']}/transcription")
    assert word_error_rate([SAID], [found["text"]]) < 0.3
    assert 0 < found["confidence"] <= 1


@in_both_spellings(TRANSCRIPTION, "`language` is the language's English name in lower case")
async def test_transcription_names_the_language(library: Library, words: Spelling) -> None:
    found = await library.user.get(f"{words.path}/{library.mp3['id']}/transcription")
    assert found["language"] == "english"


@in_both_spellings(
    TRANSCRIPTION,
    "`provider` and `model` name what transcribed, as `openai` and `whisper-1`",
    deviation="they name what really ran: `local` and the model, unless the engine `openai` is chosen",
)
async def test_transcription_names_its_model(library: Library, words: Spelling) -> None:
    found = await library.user.get(f"{words.path}/{library.mp3['id']}/transcription")
    assert (found["provider"], found["model"]) == ("local", "whisper-tiny.en")


@in_both_spellings(
    TRANSCRIPTION,
    "404 with the code TRANSCRIPTION_NOT_READY while it is processing",
    deviation="`code` is a number, as in document 002's errors: 3002; `name` is TRANSCRIPTION_NOT_READY",
)
async def test_transcription_that_is_not_ready(user: ApiUser, words: Spelling) -> None:
    note = await user.upload(words=words)
    error = await user.refused("GET", f"{note['uri']}/transcription", 404)
    assert (error["code"], error["name"]) == (3002, "TRANSCRIPTION_NOT_READY")


@in_both_spellings(TRANSCRIPTION, "A webhook tells of it, so that nobody has to poll")
async def test_transcription_is_told_by_webhook(
    service: Service, user: ApiUser, words: Spelling, listener: Listener
) -> None:
    events = [f"{words.noun}.transcribed"]
    await user.post("/v1/webhooks", {"url": listener.url, "events": events})
    note = await service.transcribed(user, words=words)
    told = listener.next().payload
    found = await user.get(f"{note['uri']}/transcription")
    assert told[words.noun]["id"] == note["id"]
    assert told[words.noun]["transcription"]["text"] == found["text"]


@in_both_spellings(TRANSCRIPTION, "The client library's `transcription.get()` answers with it")
async def test_transcription_by_the_client_library(
    service: Service, library: Library, words: Spelling
) -> None:
    note_id = library.mp3["id"]
    with service.client(library.user) as client:
        found = await asyncio.to_thread(getattr(client, words.collection)(note_id).transcription.get)
    assert found.to_dict() == await library.user.get(f"{words.path}/{note_id}/transcription")


@in_both_spellings(DELETE, "204 without a body")
async def test_delete_answers_with_204(user: ApiUser, words: Spelling) -> None:
    note = await user.upload(words=words)
    answer = await user.call("DELETE", note["uri"])
    assert (answer.status_code, answer.content) == (204, b"")


@in_both_spellings(DELETE, "The note and its transcription are gone")
@pytest.mark.parametrize("below", ["", "/transcription"])
async def test_delete_takes_the_note_and_its_transcription(
    service: Service, user: ApiUser, words: Spelling, below: str
) -> None:
    note = await service.transcribed(user, words=words)
    await user.get(f"{note['uri']}{below}")
    await user.call("DELETE", note["uri"])
    await user.refused("GET", f"{note['uri']}{below}", 404)
    assert (await user.get(words.path))["total"] == 0


@in_both_spellings(DELETE, "The client library's `delete()` deletes it")
async def test_delete_by_the_client_library(service: Service, user: ApiUser, words: Spelling) -> None:
    note = await user.upload(words=words)
    with service.client(user) as client:
        await asyncio.to_thread(getattr(client, words.collection)(note["id"]).delete)
    await user.refused("GET", note["uri"], 404)
