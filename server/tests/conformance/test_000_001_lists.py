"""Documents 000 and 001: lists of notes, in both spellings."""

import asyncio
from datetime import datetime, timezone

import pytest
from support.app import SettableClock
from support.clips import AUDIO
from support.notes import make_note

from conformance.conftest import Library
from conformance.examples import TIME, UUID, assert_same_form, example
from conformance.promises import Spelling, in_both_spellings, promise
from conformance.service import SPOKEN, ApiUser, Service
from vocafuse_server.core.ids import TenantId, parse_uuid
from vocafuse_server.notes.models import NoteStatus

LIST = "List {title}s"
PARAMETERS = f"{LIST}: Query Parameters"
RESPONSE = f"{LIST}: Response"
FIELDS = f"{LIST}: Response Fields"
STATUSES = f"{LIST}: Status Values"


async def fill(service: Service, user: ApiUser, count: int) -> None:
    """So many notes, as if they had been transcribed."""
    tenant_id = parse_uuid(user.tenant_id)
    assert tenant_id is not None
    async with service.api.context.database.transaction() as session:
        for _ in range(count):
            await make_note(
                session, TenantId(tenant_id), created_at=service.clock(), status=NoteStatus.TRANSCRIBED
            )


@in_both_spellings(LIST, "GET {path} answers with a page of the tenant's notes")
async def test_list_answers_with_a_page(user: ApiUser, words: Spelling) -> None:
    note = await user.upload(words=words)
    page = await user.get(words.path)
    assert [one["id"] for one in page[words.collection]] == [note["id"]]


@in_both_spellings(LIST, "The client library's `list(limit=10)` iterates over the page, each with its `id`")
async def test_list_by_the_client_library(service: Service, user: ApiUser, words: Spelling) -> None:
    await fill(service, user, 12)
    with service.client(user) as client:
        listed = await asyncio.to_thread(getattr(client, words.collection).list, limit=10)
        ids = [one.id for one in listed]
    assert ids == await user.ids(f"{words.path}?limit=10")
    assert len(ids) == 10


@in_both_spellings(PARAMETERS, "`page` counts from 0, which is its default")
async def test_list_page_counts_from_0(user: ApiUser, words: Spelling) -> None:
    notes = [await user.upload(words=words) for _ in range(2)]
    newest_first = [note["id"] for note in reversed(notes)]
    assert (await user.get(words.path))["page"] == 0
    assert [await user.ids(f"{words.path}?page={page}&limit=1") for page in (0, 1)] == [
        newest_first[:1],
        newest_first[1:],
    ]


@in_both_spellings(PARAMETERS, "`limit` is 50 when it isn't given")
async def test_list_limit_is_50_by_default(service: Service, user: ApiUser, words: Spelling) -> None:
    await fill(service, user, 51)
    page = await user.get(words.path)
    assert (len(page[words.collection]), page["page_size"]) == (50, 50)
    assert page["uri"] == f"{words.path}?page=0&limit=50"


@in_both_spellings(PARAMETERS, "`limit` is at most 100; more is refused")
async def test_list_limit_is_at_most_100(service: Service, user: ApiUser, words: Spelling) -> None:
    await fill(service, user, 101)
    assert len(await user.ids(f"{words.path}?limit=100")) == 100
    error = await user.refused("GET", f"{words.path}?limit=101", 400)
    assert error["details"]["field"] == "limit"


@in_both_spellings(PARAMETERS, "`status` narrows to `transcribed`, `processing` or `failed`")
async def test_list_filters_by_status(service: Service, user: ApiUser, words: Spelling) -> None:
    done, failed = await user.upload(), await user.upload("wav-0-hz.wav")
    await service.work()
    waiting = await user.upload()
    for status, note in (("transcribed", done), ("processing", waiting), ("failed", failed)):
        assert await user.ids(f"{words.path}?status={status}") == [note["id"]]


@in_both_spellings(PARAMETERS, "`date_from` takes an ISO 8601 date and keeps what was made on it or later")
async def test_list_filters_by_date_from(clock: SettableClock, user: ApiUser, words: Spelling) -> None:
    clock.now = datetime(2025, 9, 30, 23, 59, 59, tzinfo=timezone.utc)
    await user.upload()
    clock.now = datetime(2025, 10, 1, tzinfo=timezone.utc)
    note = await user.upload()
    assert await user.ids(f"{words.path}?date_from=2025-10-01") == [note["id"]]


@in_both_spellings(PARAMETERS, "`date_to` takes an ISO 8601 date and keeps what was made on it or before")
async def test_list_filters_by_date_to(clock: SettableClock, user: ApiUser, words: Spelling) -> None:
    clock.now = datetime(2025, 10, 31, 23, 59, 59, tzinfo=timezone.utc)
    note = await user.upload()
    clock.now = datetime(2025, 11, 1, tzinfo=timezone.utc)
    await user.upload()
    assert await user.ids(f"{words.path}?date_to=2025-10-31") == [note["id"]]


@in_both_spellings(
    RESPONSE,
    "The example: the same fields in the same order, types and formats",
    deviation="each note has `title` and `tags` besides, after the published fields",
)
async def test_list_answers_like_the_example(library: Library, words: Spelling) -> None:
    page = await library.user.get(f"{words.path}?page=0&limit=10")
    [webm] = [note for note in page[words.collection] if note["id"] == library.webm["id"]]
    shown = {**example(f"{words.document}_list"), "next_page_uri": None}
    added = {f"{words.collection}.{name}" for name in ADDED}
    assert_same_form(shown, {**page, words.collection: [webm]}, added=added)


@in_both_spellings(
    RESPONSE,
    "The example's `next_page_uri` names a page 1 although all 10 notes are on page 0",
    deviation="null there, as document 002 says of the last page; the example contradicts it",
)
async def test_list_next_page_of_the_example(service: Service, user: ApiUser, words: Spelling) -> None:
    await fill(service, user, 10)
    page = await user.get(f"{words.path}?limit=10")
    assert (page["page_size"], page["total"], page["next_page_uri"]) == (10, 10, None)
    await fill(service, user, 1)
    page = await user.get(f"{words.path}?limit=10")
    shown = example(f"{words.document}_list")
    names = ("uri", "first_page_uri", "next_page_uri", "previous_page_uri", "page", "page_size")
    assert {name: page[name] for name in names} == {name: shown[name] for name in names}


ADDED = ("title", "tags")
DOCUMENTED_TYPES = {
    "id": str,
    "tenant_id": str,
    "user_id": str,
    "original_filename": str,
    "duration_seconds": float,
    "file_size_bytes": int,
    "audio_format": str,
    "status": str,
    "created_at": str,
    "updated_at": str,
    "uri": str,
}


@in_both_spellings(
    FIELDS,
    "Every field listed is there with its type",
    deviation="`user_id` is null without a user, and `duration_seconds` until the audio has been decoded",
)
async def test_list_fields_have_their_types(service: Service, user: ApiUser, words: Spelling) -> None:
    await service.transcribed(user, user_id="user_12345")
    await user.upload()
    waiting, note = (await user.get(words.path))[words.collection]
    assert {name: type(note[name]) for name in DOCUMENTED_TYPES} == DOCUMENTED_TYPES
    assert [name for name in DOCUMENTED_TYPES if waiting[name] is None] == ["user_id", "duration_seconds"]


@in_both_spellings(FIELDS, "`id` is unique")
async def test_list_ids_are_unique(user: ApiUser, words: Spelling) -> None:
    for _ in range(3):
        await user.upload()
    ids = await user.ids(words.path)
    assert len(set(ids)) == 3
    assert all(UUID.fullmatch(one) for one in ids)


@in_both_spellings(FIELDS, "`tenant_id` names the account")
async def test_list_tenant_id_names_the_account(user: ApiUser, words: Spelling) -> None:
    await user.upload()
    [note] = (await user.get(words.path))[words.collection]
    assert note["tenant_id"] == (await user.get("/v1/account"))["id"]


@in_both_spellings(FIELDS, "`user_id` is the identity in the token that uploaded")
async def test_list_user_id_is_the_tokens_identity(user: ApiUser, words: Spelling) -> None:
    await (await user.token(user_id="user_7")).upload()
    [note] = (await user.get(words.path))[words.collection]
    assert note["user_id"] == "user_7"


@in_both_spellings(FIELDS, "`original_filename` is the name at upload")
async def test_list_original_filename_is_the_uploads(user: ApiUser, words: Spelling) -> None:
    await user.upload(name="voicenote-2025-10-06T17-33-30-532Z.wav")
    [note] = (await user.get(words.path))[words.collection]
    assert note["original_filename"] == "voicenote-2025-10-06T17-33-30-532Z.wav"


@in_both_spellings(FIELDS, "`duration_seconds` is the length of the recording")
async def test_list_duration_is_the_recordings(library: Library, words: Spelling) -> None:
    notes = (await library.user.get(f"{words.path}?status=transcribed"))[words.collection]
    assert [note["duration_seconds"] for note in notes] == pytest.approx([5.68, 5.68], abs=0.15)


@in_both_spellings(FIELDS, "`file_size_bytes` is the size of the file")
async def test_list_file_size_is_the_files(user: ApiUser, words: Spelling) -> None:
    await user.upload()
    [note] = (await user.get(words.path))[words.collection]
    assert note["file_size_bytes"] == (AUDIO / SPOKEN).stat().st_size


@in_both_spellings(
    FIELDS,
    "`audio_format` is webm, mp3, ogg or wav",
    deviation="more formats are understood, and named: mp4, flac, aac and others",
)
async def test_list_audio_format_is_named_so(user: ApiUser, words: Spelling) -> None:
    clips = {
        "webm": "chrome-mediarecorder.webm",
        "mp3": "mp3-44k-stereo.mp3",
        "ogg": "firefox.ogg",
        "wav": SPOKEN,
        "mp4": "iphone-voice-memo.m4a",
        "flac": "367-130732-0001.flac",
    }
    for clip in clips.values():
        await user.upload(clip)
    notes = (await user.get(words.path))[words.collection]
    assert [note["audio_format"] for note in reversed(notes)] == list(clips)


@in_both_spellings(FIELDS, "`created_at` and `updated_at` are ISO 8601, and the second moves with the note")
async def test_list_times_are_iso_8601(clock: SettableClock, service: Service, words: Spelling) -> None:
    user = await service.new_user()
    clock.now = datetime(2025, 10, 6, 17, 33, 31, 900_000, tzinfo=timezone.utc)
    await user.upload()
    clock.now = datetime(2025, 10, 6, 17, 33, 45, tzinfo=timezone.utc)
    await service.work()
    [note] = (await user.get(words.path))[words.collection]
    assert (note["created_at"], note["updated_at"]) == ("2025-10-06T17:33:31", "2025-10-06T17:33:45")
    assert TIME.fullmatch(note["processed_at"])


@in_both_spellings(FIELDS, "`uri` is where the note is")
async def test_list_uri_is_where_the_note_is(user: ApiUser, words: Spelling) -> None:
    await user.upload()
    [note] = (await user.get(words.path))[words.collection]
    assert note["uri"] == f"{words.path}/{note['id']}"
    assert (await user.get(note["uri"]))["id"] == note["id"]


@in_both_spellings(STATUSES, "`processing` until it is transcribed")
async def test_list_status_processing(user: ApiUser, words: Spelling) -> None:
    await user.upload()
    [note] = (await user.get(words.path))[words.collection]
    assert note["status"] == "processing"


@in_both_spellings(STATUSES, "`transcribed` when the transcription is there")
async def test_list_status_transcribed(service: Service, user: ApiUser, words: Spelling) -> None:
    await service.transcribed(user)
    [note] = (await user.get(words.path))[words.collection]
    assert note["status"] == "transcribed"
    assert (await user.get(f"{note['uri']}/transcription"))["text"]


@in_both_spellings(
    STATUSES,
    "`failed` when it could not be processed",
    deviation="a failed note has one field more, `failure` with `code` and `message`, that says why",
)
async def test_list_status_failed(library: Library, words: Spelling) -> None:
    [note] = (await library.user.get(f"{words.path}?status=failed"))[words.collection]
    assert note["status"] == "failed"
    assert [*note][-1] == "failure"
    assert list(note["failure"]) == ["code", "message"]
    shown = example(f"{words.document}_list")[words.collection][0]
    assert list(note) == [*shown, *ADDED, "failure"]


@promise("001", "List Recordings: Response Fields", "`custom_tags` is an object of strings, or null")
async def test_list_custom_tags_are_an_object_or_null(user: ApiUser) -> None:
    await user.upload()
    await user.upload(custom_tags='{"jobId": "job_123"}')
    notes = (await user.get("/v1/recordings"))["recordings"]
    assert [note["custom_tags"] for note in notes] == [{"jobId": "job_123"}, None]
