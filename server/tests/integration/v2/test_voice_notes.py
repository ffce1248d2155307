"""v2's voice notes: all seven calls."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock
from support.notes import make_note
from support.voice_notes import ELSEWHERE, Lvng, complete

from vocafuse_server.core.database import Database
from vocafuse_server.notes.models import NoteStatus

FIELDS = [
    *("id", "user_id", "workspace_id", "title", "audio_url", "duration", "mime_type", "metadata", "tags"),
    *("status", "created_at", "updated_at"),
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WORKSPACE = "d4e5f6a7-b8c9-0d1e-2f3a-4b5c6d7e8f90"


async def jobs(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list(await session.scalars(text("SELECT task_name FROM procrastinate_jobs ORDER BY id")))


async def test_a_note_is_created_as_published(ann: Lvng, clock: SettableClock) -> None:
    given = {
        "title": "Sprint retro thoughts",
        "duration": 45,
        "mimeType": "audio/mp4",
        "tags": ["retro", "sprint-14"],
        "workspaceId": WORKSPACE.upper(),
        "metadata": {"b": [1, {"a": None}], "a": 1.5},
    }
    note = await ann.create(**given, unknown="ignored")
    assert list(note) == FIELDS
    assert TIME.fullmatch(note["created_at"])
    assert {name: note[name] for name in FIELDS[1:10]} == {
        "user_id": "ann",
        "workspace_id": WORKSPACE,
        "title": "Sprint retro thoughts",
        "audio_url": ELSEWHERE,
        "duration": 45,
        "mime_type": "audio/mp4",
        "metadata": given["metadata"],
        "tags": ["retro", "sprint-14"],
        "status": "created",
    }
    shown = await ann.get(note["id"])
    assert list(shown) == [*FIELDS[:10], "transcript", "transcript_segments", *FIELDS[10:]]
    assert (shown["transcript"], shown["transcript_segments"]) == (None, None)
    assert (await ann.page())["voiceNotes"] == [note]


async def test_what_is_not_given_has_the_published_defaults(ann: Lvng, clock: SettableClock) -> None:
    note = await ann.create()
    assert note["title"] == f"Voice Note {clock.now:%Y-%m-%d %H:%M:%S}"
    assert [note[name] for name in ("duration", "mime_type", "metadata", "tags", "workspace_id")] == [
        *(0, "audio/webm", {}, [], None)
    ]


async def test_a_key_pair_sees_the_whole_account(api: Api, account: Account, ann: Lvng) -> None:
    note = await ann.create(title="Ann's")
    own = Lvng(api, account.headers)
    assert (await own.create(title="Ours"))["user_id"] == str(account.id)
    assert await own.titles() == ["Ours", "Ann's"]
    assert (await own.get(note["id"]))["user_id"] == "ann"
    assert await ann.titles() == ["Ann's"]


async def test_lists_are_narrowed_by_everything_published(ann: Lvng, clock: SettableClock) -> None:
    for title, tags, workspace in [
        ("100% Größe", ["a", "b"], None),
        ("100 % ÜBER_flüssig", ["a"], WORKSPACE),
        ("über/under", ["b", "c d"], WORKSPACE),
    ]:
        await ann.create(title=title, tags=tags, **({"workspaceId": workspace} if workspace else {}))
        clock.advance(timedelta(seconds=1))
    first, second, third = "100% Größe", "100 % ÜBER_flüssig", "über/under"
    assert await ann.titles() == [third, second, first]
    assert await ann.titles(search="GRÖSSE") == []
    assert await ann.titles(search="über") == [third, second]
    assert await ann.titles(search="100%") == [first]
    assert await ann.titles(search="_") == [second]
    assert await ann.titles(search="/") == [third]
    assert await ann.titles(search="\\") == []
    assert await ann.titles(tags="a") == [second, first]
    assert await ann.titles(tags="a, b,") == [first]
    assert await ann.titles(tags="c d") == [third]
    assert await ann.titles(tags="c") == []
    assert await ann.titles(tags="", search="") == [third, second, first]
    assert await ann.titles(workspaceId=WORKSPACE) == [third, second]
    assert await ann.titles(workspaceId=WORKSPACE, tags="a", search="100", status="created") == [second]
    assert await ann.titles(status="completed") == []
    page = await ann.page(limit="1", offset="1", search="R")
    assert [note["title"] for note in page.pop("voiceNotes")] == [second]
    assert page == {"success": True, "total": 3, "limit": 1, "offset": 1}
    assert [(await ann.page(offset=offset))["total"] for offset in ("2", "3", "2147483647")] == [3, 3, 3]


async def test_pages_of_any_offset_make_the_whole_list(
    api: Api, account: Account, database: Database, clock: SettableClock
) -> None:
    async with database.transaction() as session:
        for number in range(7):
            at = clock.now - timedelta(hours=8 * number)
            await make_note(session, account.id, created_at=at, status=list(NoteStatus)[1 + number % 3])
    own = Lvng(api, account.headers)
    whole = [note["id"] for note in (await own.page())["voiceNotes"]]
    for offset in range(8):
        part = await own.page(offset=str(offset), limit="3")
        assert [note["id"] for note in part["voiceNotes"]] == whole[offset : offset + 3]
        assert part["total"] == 7


async def test_title_tags_and_metadata_are_replaced_and_nothing_else(ann: Lvng, clock: SettableClock) -> None:
    note = await ann.create(title="Before", tags=["a"], metadata={"a": 1}, duration=3.5)
    clock.advance(timedelta(minutes=1))
    answer = await ann.ask("PUT", f"/{note['id']}", json={"title": "After", "status": "x", "duration": 9})
    changed = answer.json()["voiceNote"]
    assert list(changed) == FIELDS
    assert changed["updated_at"] > note["updated_at"]
    assert changed == {**note, "title": "After", "updated_at": changed["updated_at"]}
    changes: list[dict[str, object]] = [
        *({"tags": []}, {"metadata": {}}, {"tags": ["x"], "metadata": {"y": 2}}),
    ]
    for fields in changes:
        answer = await ann.ask("PUT", f"/{note['id']}", json=fields)
        assert {name: answer.json()["voiceNote"][name] for name in fields} == fields
    assert (await ann.get(note["id"]))["title"] == "After"


@pytest.mark.parametrize("body", [{}, {"status": "failed"}, {"audioUrl": ELSEWHERE}])
async def test_a_change_of_nothing_is_refused(ann: Lvng, body: dict[str, str]) -> None:
    note = await ann.create()
    answer = await ann.ask("PUT", f"/{note['id']}", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid request")
    assert "title, tags or metadata" in answer.json()["message"]


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/a.wav", "file:///etc/passwd", "data:audio/wav;base64,AAAA", "a.wav", "//x/a"),
        *("http://", "http://[", "https://user:pass@example.com/a", "http://exa mple.com/", "http://ü.de/"),
        *("http://127.0.0.1/a.wav", "http://127.1/", "http://0x7f.1/", "http://2130706433/", "http://[::1]/"),
        *("http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://10.0.0.1/"),
        *("http://169.254.169.254/latest", "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "http://0/"),
        *("http://example.com:0/", "http://93.184.216.34:22/", "javascript:alert(1)"),
    ],
)
async def test_urls_that_can_not_be_fetched_are_refused_at_once(
    ann: Lvng, database: Database, url: str
) -> None:
    answer = await ann.ask("POST", json={"audioUrl": url})
    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid request")
    assert answer.json()["message"].startswith("audioUrl ")
    assert (await ann.page())["total"] == 0


async def test_transcribing_is_asked_for_once_however_often(ann: Lvng, database: Database) -> None:
    note = await ann.create(audioUrl=await ann.upload())
    answers = await asyncio.gather(*(ann.ask("POST", f"/{note['id']}/transcribe") for _ in range(4)))
    for answer in answers:
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "success": True,
                "message": "Transcription queued",
                "status": "processing",
                "voiceNoteId": note["id"],
            },
        )
    assert await jobs(database) == ["transcribe_note", "transcribe_note"]  # one is the upload's own
    assert (await ann.get(note["id"]))["status"] == "processing"


async def test_a_url_is_fetched_first_and_an_upload_that_never_came_is_nothing_to_transcribe(
    ann: Lvng, database: Database
) -> None:
    note = await ann.create()
    assert (await ann.ask("POST", f"/{note['id']}/transcribe")).status_code == 200
    assert await jobs(database) == ["fetch_note"]
    waiting = (await ann.upload(None)).split("/")[-2]
    answer = await ann.ask("POST", f"/{waiting}/transcribe")
    assert (answer.status_code, answer.json()["error"]) == (409, "Conflict")
    assert waiting not in [one["id"] for one in (await ann.page())["voiceNotes"]]


async def test_a_transcript_is_there_while_the_note_is_completed(
    ann: Lvng, account: Account, database: Database
) -> None:
    note = await ann.create(title="Weather", duration=45)
    path = f"/{note['id']}/transcript"
    answer = await ann.ask("GET", path)
    assert (answer.status_code, answer.json()["error"]) == (404, "Transcript not available")
    await complete(database, account, note["id"], "What's the weather like?")
    segments = [{"start": 0.0, "end": 1.9996, "text": "What's the weather like?"}]
    answer = await ann.ask("GET", path)
    assert list(answer.json().items()) == [
        ("success", True),
        ("voiceNoteId", note["id"]),
        ("title", "Weather"),
        ("transcript", "What's the weather like?"),
        ("segments", segments),
        ("status", "completed"),
    ]
    seen = await ann.get(note["id"])
    assert (seen["transcript"], seen["transcript_segments"]) == ("What's the weather like?", segments)
    assert (seen["status"], seen["duration"]) == ("completed", 1.9996)
    [listed] = (await ann.page(status="completed"))["voiceNotes"]
    assert list(listed) == FIELDS
    await ann.ask("POST", f"/{note['id']}/transcribe")
    assert (await ann.ask("GET", path)).status_code == 404
    assert (await ann.get(note["id"]))["duration"] == 45


async def test_why_a_note_failed_is_said_in_place_of_its_transcript(ann: Lvng, database: Database) -> None:
    note = await ann.create()
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE notes SET status = 'failed', failure_code = 'X', failure_message = 'It rained.'")
        )
    answer = await ann.ask("GET", f"/{note['id']}/transcript")
    assert (answer.status_code, answer.json()["error"]) == (404, "Transcript not available")
    assert "It rained." in answer.json()["message"]
    assert (await ann.get(note["id"]))["status"] == "failed"
