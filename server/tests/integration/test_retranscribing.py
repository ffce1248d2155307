"""Transcribing a note again, and its transcription in other forms."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from support.app import NOON, Account, Api, SettableClock
from support.clips import AUDIO
from support.notes import make_note

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.jobs.tasks import MAX_TRANSCRIPTION_STARTS, run_transcription
from vocafuse_server.notes.models import Note, NoteStatus
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import Samples, TranscribeOptions, Transcription

CLIP = "whats-the-weather-like.wav"


class Hearing:
    """The real model, which first lets a test do something, with a run in flight."""

    def __init__(self, engine: AdaptiveWhisper) -> None:
        self.asked: list[str | None] = []
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._engine = engine

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        self.asked.append(options.language)
        self.started.set()
        await self.go_on.wait()
        return await self._engine.transcribe(audio, options)

    async def close(self) -> None:
        """The model is closed by whoever opened it."""


@pytest.fixture
def hearing(engine: AdaptiveWhisper) -> Hearing:
    return Hearing(engine)


@pytest.fixture
async def context(api: Api, clock: SettableClock, hearing: Hearing) -> AsyncIterator[TranscribingContext]:
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=10))
    yield TranscribingContext(api.context.database, JobQueue(), api.context.objects, decoder, hearing, clock)
    await decoder.close()


async def upload(api: Api, account: Account) -> tuple[NoteId, str]:
    files = {"file": (CLIP, (AUDIO / CLIP).read_bytes())}
    made = await api.http.post("/v1/voicenotes", headers=account.headers, files=files)
    async with api.context.database.transaction() as session:
        note = (await session.scalars(select(Note).where(Note.id == made.json()["id"]))).one()
    return note.id, made.json()["uri"]


async def note_in(api: Api, account: Account, status: NoteStatus, **more: Any) -> str:
    async with api.context.database.transaction() as session:
        note_id = await make_note(session, account.id, created_at=NOON, status=status, **more)
    return f"/v1/voicenotes/{note_id}"


async def transcribe(api: Api, account: Account, uri: str, language: str | None = None) -> dict[str, Any]:
    body = None if language is None else {"language": language}
    answer = await api.http.post(f"{uri}/transcribe", headers=account.headers, json=body)
    assert answer.status_code == 202, answer.text
    note: dict[str, Any] = answer.json()
    return note


async def runs_queued(database: Database) -> Sequence[int]:
    async with database.transaction() as session:
        return list(
            await session.scalars(
                text(
                    "SELECT CAST(args->>'run' AS integer) FROM procrastinate_jobs"
                    " WHERE task_name = 'transcribe_note' ORDER BY id"
                )
            )
        )


async def text_of(api: Api, account: Account, uri: str) -> dict[str, Any]:
    answer = await api.http.get(f"{uri}/transcription", headers=account.headers)
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.model
async def test_a_new_run_replaces_the_text_when_it_is_done(
    api: Api, account: Account, context: TranscribingContext, clock: SettableClock
) -> None:
    note_id, uri = await upload(api, account)
    await transcribe_note(context, note_id)
    first = await text_of(api, account, uri)
    clock.advance(timedelta(minutes=1))
    begun = await transcribe(api, account, uri, "de")
    assert begun == (await api.http.get(uri, headers=account.headers)).json()
    assert (begun["status"], begun["processed_at"]) == ("processing", None)
    assert await text_of(api, account, uri) == first
    await transcribe_note(context, note_id, run=2)
    second = await text_of(api, account, uri)
    assert (first["language"], second["language"]) == ("english", "german")
    assert second["id"] == first["id"]
    assert (first["updated_at"], second["updated_at"]) == ("2026-03-14T12:00:00", "2026-03-14T12:01:00")
    assert second["created_at"] == first["created_at"]
    page = (await api.http.get("/v1/voicenotes?status=transcribed", headers=account.headers)).json()
    assert page["total"] == 1


@pytest.mark.model
async def test_a_note_is_told_of_each_time_it_is_transcribed(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id, uri = await upload(api, account)
    subscription = {
        "url": "https://93.184.215.14/hook",
        "events": ["voicenote.transcribed", "voicenote.failed"],
    }
    webhook = (await api.http.post("/v1/webhooks", headers=account.headers, json=subscription)).json()
    await transcribe_note(context, note_id)
    await transcribe(api, account, uri)
    await transcribe_note(context, note_id, run=2)
    await transcribe(api, account, uri)
    await run_transcription(context, note_id, run=3, attempt=MAX_TRANSCRIPTION_STARTS + 1)
    told = (await api.http.get(f"{webhook['uri']}/deliveries", headers=account.headers)).json()["deliveries"]
    assert [one["event"] for one in reversed(told)] == ["voicenote.transcribed"] * 2 + ["voicenote.failed"]


@pytest.mark.model
async def test_a_failed_run_takes_away_nothing(
    api: Api, account: Account, context: TranscribingContext
) -> None:
    note_id, uri = await upload(api, account)
    await transcribe_note(context, note_id)
    first = await text_of(api, account, uri)
    await transcribe(api, account, uri)
    await run_transcription(context, note_id, run=2, attempt=MAX_TRANSCRIPTION_STARTS + 1)
    failed = (await api.http.get(uri, headers=account.headers)).json()
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "TRANSCRIPTION_ERROR")
    assert await text_of(api, account, uri) == first
    again = await transcribe(api, account, uri)
    assert again["status"] == "processing"
    assert "failure" not in again
    await transcribe_note(context, note_id, run=3)
    assert (await api.http.get(uri, headers=account.headers)).json()["status"] == "transcribed"


@pytest.mark.model
async def test_a_run_that_was_overtaken_ends_nothing(
    api: Api, account: Account, context: TranscribingContext, hearing: Hearing
) -> None:
    note_id, uri = await upload(api, account)
    hearing.go_on.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(transcribe_note(context, note_id))
        await hearing.started.wait()
        await transcribe(api, account, uri, "de")
        hearing.go_on.set()
    await run_transcription(context, note_id, attempt=MAX_TRANSCRIPTION_STARTS + 1)
    assert (await api.http.get(uri, headers=account.headers)).json()["status"] == "processing"
    assert (await text_of(api, account, uri))["error"]["code"] == 3002
    await transcribe_note(context, note_id, run=2)
    assert (await text_of(api, account, uri))["language"] == "german"
    await transcribe_note(context, note_id)
    await transcribe_note(context, note_id, run=2)
    assert hearing.asked == [None, "de"]


async def test_a_note_in_work_gets_a_second_job_for_another_language_only(api: Api, account: Account) -> None:
    _, uri = await upload(api, account)
    for language in (None, "", "de", "German", None, "de-AT"):
        assert (await transcribe(api, account, uri, language))["status"] == "processing"
    assert await runs_queued(api.context.database) == [1, 2]


@pytest.mark.parametrize("status", [NoteStatus.TRANSCRIBED, NoteStatus.FAILED])
async def test_asked_at_once_there_is_one_job(api: Api, account: Account, status: NoteStatus) -> None:
    uri = await note_in(api, account, status)
    notes = await asyncio.gather(*(transcribe(api, account, uri) for _ in range(5)))
    assert {note["status"] for note in notes} == {"processing"}
    assert await runs_queued(api.context.database) == [2]


async def test_a_repeated_call_with_the_same_key_does_nothing_more(api: Api, account: Account) -> None:
    uri = await note_in(api, account, NoteStatus.FAILED)
    headers = {**account.headers, "Idempotency-Key": "one"}
    answers = [await api.http.post(f"{uri}/transcribe", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert answers[1].headers["Idempotent-Replayed"] == "true"


async def test_a_note_without_audio_has_nothing_to_transcribe(api: Api, account: Account) -> None:
    uri = await note_in(api, account, NoteStatus.CREATED)
    answer = await api.http.post(f"{uri}/transcribe", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, 3009)
    assert "audio has not arrived" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b'{"language": "klingon"}', 2003, "language"),
        (b'{"language": 5}', 2003, "language"),
        (b"{", 2001, None),
        (b"[]", 2001, None),
    ],
)
async def test_unusable_bodies_are_refused(
    api: Api, account: Account, body: bytes, code: int, field: str | None
) -> None:
    uri = await note_in(api, account, NoteStatus.TRANSCRIBED)
    headers = {**account.headers, "Content-Type": "application/json"}
    answer = await api.http.post(f"{uri}/transcribe", headers=headers, content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"].get("field")) == (400, code, field)
    assert await runs_queued(api.context.database) == []


async def test_only_its_owner_can_ask(
    api: Api, account: Account, other_account: Account, clock: SettableClock
) -> None:
    clock.now = utc_now()
    uri = await note_in(api, account, NoteStatus.TRANSCRIBED, identity="ann")
    assert (await api.http.post(f"{uri}/transcribe", headers=other_account.headers)).status_code == 404
    for scopes, status in ((["voice-api.read_recording"], 403), (["voice-api.upload_recording"], 404)):
        asked = {"user_id": "bob", "scopes": scopes}
        made = await api.http.post("/v1/token", headers=account.headers, json=asked)
        token = {"Authorization": f"Bearer {made.json()['token']}"}
        assert (await api.http.post(f"{uri}/transcribe", headers=token)).status_code == status
    assert (await api.http.get(uri, headers=account.headers)).json()["status"] == "transcribed"


@pytest.mark.parametrize(
    ("form", "content_type", "content"),
    [
        ("text", "text/plain; charset=utf-8", "Ça va? <b>"),
        ("srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:02,000\nÇa va? <b>\n"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nÇa va? &lt;b&gt;\n"),
        (
            "markdown",
            "text/markdown; charset=utf-8",
            "# A note\n\n- Date: 2026-03-14 12:00 UTC\n- Language: English\n\n**0:00** Ça va? \\<b\\>\n",
        ),
    ],
)
async def test_a_transcription_in_other_forms(
    api: Api, account: Account, form: str, content_type: str, content: str
) -> None:
    uri = await note_in(api, account, NoteStatus.TRANSCRIBED, text="Ça va? <b>")
    for spelling in (uri, uri.replace("voicenotes", "recordings")):
        answer = await api.http.get(f"{spelling}/transcription?format={form}", headers=account.headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, content_type)
        assert answer.content.decode() == content


async def test_the_words_of_a_transcription_time_its_subtitles(
    api: Api, account: Account, database: Database
) -> None:
    long_text = "birch canoe " * 12
    uri = await note_in(api, account, NoteStatus.TRANSCRIBED, text=long_text)
    words = ", ".join(
        f'{{"word": "{word}", "start_time": {at / 10}, "end_time": {at / 10 + 0.05}, "confidence": 1}}'
        for at, word in enumerate(long_text.split())
    )
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE transcriptions SET words = CAST(:words AS json)"), {"words": f"[{words}]"}
        )
    vtt = (await api.http.get(f"{uri}/transcription?format=vtt", headers=account.headers)).text
    assert "00:00:00.000 --> 00:00:01.150\n" in vtt
    assert "00:00:01.200 --> 00:00:02.000\n" in vtt


@pytest.mark.parametrize("form", ["docx", "JSON", ""])
async def test_an_unknown_form_is_named(api: Api, account: Account, form: str) -> None:
    uri = await note_in(api, account, NoteStatus.TRANSCRIBED, text="Hello.")
    answer = await api.http.get(f"{uri}/transcription?format={form}", headers=account.headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["field"]) == (400, 2003, "format")


@pytest.mark.parametrize("form", ["text", "srt", "vtt", "markdown"])
async def test_errors_are_the_same_in_every_form(api: Api, account: Account, form: str) -> None:
    uri = await note_in(api, account, NoteStatus.PROCESSING)
    answer = await api.http.get(f"{uri}/transcription?format={form}", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 3002)
