"""Notes that name a URL: fetched when their transcription is asked for, from real web servers."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock
from support.clips import AUDIO
from support.listener import Listener
from support.voice_notes import CLIP, Lvng, known_id
from support.web import Site, redirect, response, serving

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.core.settings import Settings
from vocafuse_server.jobs.tasks import MAX_FETCH_ATTEMPTS, run_fetch
from vocafuse_server.notes.fetching import FetchingContext
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.storage.fetching import FetchInterrupted, UrlFetcher
from vocafuse_server.storage.outbound import AddressGuard
from vocafuse_server.transcription.adaptive import AdaptiveWhisper

pytestmark = pytest.mark.model


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return Settings.model_validate(
        {**settings.model_dump(exclude_unset=True), "allow_private_networks": "127.0.0.0/8"}
    )


@pytest.fixture
def own(api: Api, account: Account) -> Lvng:
    return Lvng(api, account.headers)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def context(api: Api, clock: SettableClock, engine: AdaptiveWhisper) -> AsyncIterator[FetchingContext]:
    settings = api.context.settings
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=10))
    fetcher = UrlFetcher(
        AddressGuard(settings.allow_private_networks),
        max_bytes=settings.max_upload_bytes,
        max_connections=2,
        timeout_s=2,
    )
    yield FetchingContext(
        TranscribingContext(api.context.database, JobQueue(), api.context.objects, decoder, engine, clock),
        fetcher,
        settings.max_upload_bytes,
    )
    await fetcher.close()
    await decoder.close()


async def ask(own: Lvng, url: str) -> NoteId:
    """A note whose audio is at the URL, and whose transcription has been asked for."""
    note = await own.create(audioUrl=url)
    assert (await own.ask("POST", f"/{note['id']}/transcribe")).status_code == 200
    return known_id(note["id"])


async def run_of(database: Database, note_id: NoteId) -> int:
    async with database.transaction() as session:
        run = await session.scalar(
            text("SELECT transcription_run FROM notes WHERE id = :id"), {"id": note_id}
        )
        assert isinstance(run, int)
        return run


async def fetch(context: FetchingContext, note_id: NoteId, *, attempt: int = 1) -> None:
    run = await run_of(context.transcribing.database, note_id)
    await run_fetch(context, note_id, attempt=attempt, run=run)


async def jobs(database: Database) -> list[str]:
    async with database.transaction() as session:
        names = await session.scalars(text("SELECT task_name FROM procrastinate_jobs ORDER BY id"))
        return [name for name in names if name != "deliver_webhook"]


async def failure(own: Lvng, note_id: NoteId) -> tuple[str, str]:
    answer = await own.api.http.get(f"/v1/voicenotes/{note_id}", headers=own.headers)
    assert answer.json()["status"] == "failed"
    told = answer.json()["failure"]
    return told["code"], told["message"]


def stored(api: Api) -> int:
    return len([path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()])


async def test_a_clip_is_fetched_and_then_transcribed(
    api: Api, own: Lvng, site: Site, context: FetchingContext, database: Database, listener: Listener
) -> None:
    hook = {"url": listener.url, "events": ["voicenote.created", "voicenote.transcribed"]}
    assert (await api.http.post("/v1/webhooks", headers=own.headers, json=hook)).status_code == 201
    site.answers |= {"/a": redirect("/my%20clip.wav"), "/my%20clip.wav": response(CLIP)}
    note_id = await ask(own, site.url("/a"))
    assert (await jobs(database), site.asked) == (["fetch_note"], [])
    await fetch(context, note_id)
    assert await jobs(database) == ["fetch_note", "transcribe_note"]
    await fetch(context, note_id)  # a job that runs twice does nothing the second time
    assert await jobs(database) == ["fetch_note", "transcribe_note"]
    assert stored(api) == 1
    await transcribe_note(context.transcribing, note_id, run=await run_of(database, note_id))
    seen = await own.get(str(note_id))
    assert (seen["status"], seen["audio_url"]) == ("completed", site.url("/a"))
    assert "weather" in seen["transcript"].lower()
    v1 = (await api.http.get(f"/v1/voicenotes/{note_id}", headers=own.headers)).json()
    assert (v1["audio_format"], v1["file_size_bytes"], v1["upload_source"]) == ("wav", len(CLIP), "url")
    async with database.transaction() as session:
        events = list(await session.scalars(text("SELECT event FROM webhook_deliveries ORDER BY id")))
    assert events == ["voicenote.created", "voicenote.transcribed"]
    usage = (await api.http.get("/v1/account", headers=own.headers)).json()["usage"]["current_month"]
    assert (usage["voicenotes_count"], usage["storage_used_bytes"]) == (1, len(CLIP))
    await own.ask("POST", f"/{note_id}/transcribe")  # again: the audio is there already
    assert await jobs(database) == ["fetch_note", "transcribe_note", "transcribe_note"]


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (response(b"", status="404 Not Found"), "AUDIO_FETCH_FAILED", "answered 404"),
        (response(b"<html>Log in</html>"), "UNSUPPORTED_AUDIO", "not an audio file"),
        (response(b""), "UNSUPPORTED_AUDIO", "not an audio file"),
        (response(CLIP + bytes(1024 * 1024)), "AUDIO_FETCH_FAILED", "larger than the 1 MiB"),
        (redirect("http://10.0.0.1/clip.wav"), "AUDIO_FETCH_FAILED", "private or reserved"),
        (response(CLIP, "Content-Encoding: gzip"), "AUDIO_FETCH_FAILED", "compressed"),
    ],
)
async def test_what_will_never_do_fails_the_note_at_once_and_says_why(
    api: Api, own: Lvng, site: Site, context: FetchingContext, answer: bytes, code: str, words: str
) -> None:
    site.answers["/a"] = answer
    note_id = await ask(own, site.url("/a"))
    await fetch(context, note_id)
    told_code, told = await failure(own, note_id)
    assert told_code == code
    assert words in told
    assert stored(api) == 0
    transcript = await own.ask("GET", f"/{note_id}/transcript")
    assert told in transcript.json()["message"]


async def test_what_may_do_later_is_tried_again_and_then_given_up(
    api: Api, own: Lvng, site: Site, context: FetchingContext, database: Database
) -> None:
    site.answers["/a"] = response(b"", status="503 Service Unavailable")
    note_id = await ask(own, site.url("/a"))
    for attempt in range(1, MAX_FETCH_ATTEMPTS):
        with pytest.raises(FetchInterrupted):
            await fetch(context, note_id, attempt=attempt)
        assert (await own.get(str(note_id)))["status"] == "processing"
    await fetch(context, note_id, attempt=MAX_FETCH_ATTEMPTS)
    assert await failure(own, note_id) == (
        *("AUDIO_FETCH_FAILED", "The audio could not be fetched. The server answered 503."),
    )
    site.answers["/a"] = response(CLIP)  # who asks again gets another chance
    assert (await own.ask("POST", f"/{note_id}/transcribe")).status_code == 200
    assert await jobs(database) == ["fetch_note", "fetch_note"]
    await fetch(context, note_id)
    assert stored(api) == 1


async def test_a_note_deleted_while_it_is_fetched_leaves_nothing(
    api: Api, own: Lvng, site: Site, context: FetchingContext, database: Database
) -> None:
    site.answers["/a"] = response(CLIP)
    for method, path in (("DELETE", "/api/v2/voice-notes/"), ("DELETE", "/v1/voicenotes/")):
        note_id = await ask(own, site.url("/a"))
        run = await run_of(database, note_id)
        assert (await api.http.request(method, f"{path}{note_id}", headers=own.headers)).status_code < 300
        await run_fetch(context, note_id, attempt=1, run=run)
    assert stored(api) == 0
    assert "transcribe_note" not in await jobs(database)


async def test_no_connection_of_the_database_is_held_while_bytes_come(
    own: Lvng, site: Site, context: FetchingContext, database: Database
) -> None:
    seen: list[int] = []

    async def count_transactions(writer: asyncio.StreamWriter) -> None:
        async with database.transaction() as session:
            busy = await session.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
                )
            )
        seen.append(busy)
        writer.write(response(CLIP))

    site.answers["/a"] = count_transactions
    await fetch(context, await ask(own, site.url("/a")))
    assert seen == [0]


async def test_a_fetched_file_that_can_not_be_decoded_fails_as_an_uploaded_one(
    own: Lvng, site: Site, context: FetchingContext, database: Database
) -> None:
    site.answers["/a"] = response((AUDIO / "truncated.mp4").read_bytes())
    note_id = await ask(own, site.url("/a"))
    await fetch(context, note_id)
    await transcribe_note(context.transcribing, note_id, run=await run_of(database, note_id))
    assert (await failure(own, note_id))[0] == "UNSUPPORTED_AUDIO"
