"""Audio whose text somebody waits for: whatever happens, the answer is right and nothing stays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock, make_account, running_app
from support.clips import AUDIO
from support.dictations import URL, assert_nothing_is_left, bearer, begun, join_idly
from support.published import assert_is_published
from support.wire import request_bytes, served
from support.worker import at_work, worker

from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.settings import Settings
from vocafuse_server.dictation.transcribing import sweep_dictations
from vocafuse_server.jobs.tasks import MAX_DICTATION_ATTEMPTS, run_dictation
from vocafuse_server.notes.transcribing import TranscribingContext
from vocafuse_server.transcription.adaptive import AdaptiveWhisper
from vocafuse_server.transcription.engine import Samples, TranscribeOptions, Transcription, TranscriptionError

WEATHER, DATE = "whats-the-weather-like.wav", "whats-the-date-today.wav"
CANOE = "harvard-birch-canoe.wav"  # The longest of the three.


class BrokenEngine:
    """Never transcribes anything."""

    async def transcribe(self, audio: Samples, options: TranscribeOptions) -> Transcription:
        raise TranscriptionError("this engine is broken")

    async def close(self) -> None:
        """There is nothing to release."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_upload_bytes=1024 * 1024, uploads_in_flight=2)


@pytest.fixture
async def idle_worker(api: Api) -> None:
    """A worker that has joined the queue and takes nothing off it."""
    await join_idly(api)


@pytest.fixture
async def broken(api: Api, clock: SettableClock) -> AsyncIterator[TranscribingContext]:
    """What a worker has, with an engine that is broken."""
    context = api.context
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=2.5))
    yield TranscribingContext(
        context.database, context.queue, context.objects, decoder, BrokenEngine(), clock, context.metrics
    )
    await decoder.close()


async def dictate(api: Api, headers: dict[str, str], clip: str = WEATHER, **fields: Any) -> httpx2.Response:
    files = {"file": (clip, (AUDIO / clip).read_bytes())}
    return await api.http.post(URL, headers=headers, files=files, data={"model": "whisper-1", **fields})


def error_of(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The error in an answer, in OpenAI's form."""
    assert answer.status_code == status, answer.text
    if status < 500:
        assert_is_published(status, answer.headers, answer.content, path=URL)
    body: dict[str, Any] = answer.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    return body["error"]


@pytest.mark.model
async def test_tenants_get_their_own_texts_and_nothing_is_kept(
    api: Api,
    account: Account,
    other_account: Account,
    database_url: str,
    clock: SettableClock,
    engine: AdaptiveWhisper,
) -> None:
    async with worker(api, database_url, clock, engine) as app, at_work(app, api):
        one, other = await asyncio.gather(
            dictate(api, bearer(account)), dictate(api, other_account.headers, DATE, language="en")
        )
    assert "weather" in one.json()["text"].lower()
    assert "date" in other.json()["text"].lower()
    await assert_nothing_is_left(api)
    used = (await api.http.get("/v1/account", headers=account.headers)).json()["usage"]["current_month"]
    assert used["total_duration_seconds"] == pytest.approx(2, abs=1)
    assert (used["voicenotes_count"], used["storage_used_bytes"]) == (0, 0)


async def test_without_a_worker_it_is_refused_at_once(api: Api, account: Account) -> None:
    answer = await dictate(api, bearer(account))
    error = error_of(answer, 503)
    assert (error["type"], error["code"]) == ("server_error", "service_unavailable")
    assert answer.headers["Retry-After"] == "1"
    await assert_nothing_is_left(api)


async def test_who_has_waited_too_long_is_told(
    settings: Settings, database_url: str, clock: SettableClock, account: Account
) -> None:
    hasty = settings.model_copy(update={"transcription_wait_seconds": 0.01})
    async with running_app(hasty, database_url, clock) as api:
        await join_idly(api)
        error = error_of(await dictate(api, bearer(account)), 503)
        assert "within 0.01 seconds" in error["message"]
        await assert_nothing_is_left(api, jobs=1)
        async with worker(api, database_url, clock, BrokenEngine()) as app:
            await app.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
        await assert_nothing_is_left(api)


@pytest.mark.usefixtures("idle_worker")
async def test_of_a_client_that_goes_away_nothing_is_left(
    api: Api, account: Account, settings: Settings
) -> None:
    form = httpx2.Request(
        "POST", URL, files={"file": ("a.wav", (AUDIO / WEATHER).read_bytes())}, data={"model": "whisper-1"}
    )
    headers = [(b"Content-Type", form.headers["Content-Type"].encode())]
    headers += [(name.encode(), value.encode()) for name, value in bearer(account).items()]
    async with served(api.app, settings) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes("POST", URL.encode(), headers, form.read()))
        served_api = Api(api.http, api.app.state.context, api.app)
        await begun(served_api)
        writer.close()
        while await _count(served_api):
            pass
        await assert_nothing_is_left(served_api, jobs=1)


async def _count(api: Api) -> int:
    async with api.context.database.reading() as session:
        return await session.scalar(text("SELECT count(*) FROM dictations")) or 0


@pytest.mark.usefixtures("idle_worker")
@pytest.mark.parametrize(
    ("clip", "attempt", "status", "code", "says"),
    [
        ("truncated.mp4", 1, 400, "unsupported_audio", "damaged"),
        (CANOE, 1, 400, "unsupported_audio", "long"),
        (DATE, MAX_DICTATION_ATTEMPTS, 500, "internal_error", "our side"),
        (DATE, MAX_DICTATION_ATTEMPTS + 1, 500, "internal_error", "our side"),
    ],
)
async def test_who_waits_hears_why_there_is_no_text(
    api: Api,
    account: Account,
    broken: TranscribingContext,
    clip: str,
    attempt: int,
    status: int,
    code: str,
    says: str,
) -> None:
    asking = asyncio.create_task(dictate(api, bearer(account), clip))
    await run_dictation(broken, await begun(api), attempt=attempt)
    error = error_of(await asking, status)
    assert error["code"] == code
    assert says in error["message"]
    await assert_nothing_is_left(api, jobs=1)


@pytest.mark.usefixtures("idle_worker")
async def test_one_that_fails_is_tried_again_while_somebody_waits(
    api: Api, account: Account, broken: TranscribingContext
) -> None:
    asking = asyncio.create_task(dictate(api, bearer(account), DATE))
    dictation_id = await begun(api)
    with pytest.raises(TranscriptionError):
        await run_dictation(broken, dictation_id, attempt=1)
    refused = await dictate(api, bearer(account))  # A tenant has half of the two places.
    assert "Too many" in error_of(refused, 503)["message"]
    await run_dictation(broken, dictation_id, attempt=MAX_DICTATION_ATTEMPTS)
    error_of(await asking, 500)
    await run_dictation(broken, dictation_id, attempt=1)  # Nobody waits any more.


async def test_what_a_dead_process_left_is_swept(api: Api, account: Account, clock: SettableClock) -> None:
    context = api.context
    async with context.database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO dictations (id, tenant_id, audio_key, with_words, created_at, expires_at)"
                " VALUES (gen_random_uuid(), :tenant, 'incoming/left', false, :now, :now)"
            ),
            {"tenant": account.id, "now": clock()},
        )

    await sweep_dictations(context.database, context.queue, now=clock() - timedelta(seconds=1))
    assert await _count(api) == 1
    await sweep_dictations(context.database, context.queue, now=clock())
    assert await _count(api) == 0
    async with context.database.reading() as session:
        deleted = await session.scalars(text("SELECT args ->> 'key' FROM procrastinate_jobs"))
        assert deleted.all() == ["incoming/left"]


async def test_what_is_wrong_with_a_request_is_said_in_openais_form(api: Api, account: Account) -> None:
    headers = bearer(account)
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"response_format": "diarized_json"}, "response_format"),
        ({"temperature": "2"}, "temperature"),
        ({"language": "klingon"}, "language"),
        ({"stream": "true", "response_format": "vtt"}, "stream"),
        ({"timestamp_granularities[]": ["word", "line"]}, "timestamp_granularities[].1"),
        ({"model": ""}, "model"),
    )
    for sent, param in refused:
        error = error_of(await dictate(api, headers, **sent), 400)
        assert (error["param"], error["type"]) == (param, "invalid_request_error")
    assert error_of(await api.http.post(URL, headers=headers, json={}), 400)["param"] == "file"
    assert error_of(await dictate(api, headers, "html-error.mp3"), 400)["code"] == "unsupported_audio"
    content = (AUDIO / WEATHER).read_bytes() + bytes(api.context.settings.max_upload_bytes)
    too_large = {"file": ("a.wav", content)}
    answer = await api.http.post(URL, headers=headers, files=too_large, data={"model": "whisper-1"})
    assert error_of(answer, 413)["code"] == "payload_too_large"
    assert error_of(await api.http.get(URL, headers=headers), 405)["type"] == "invalid_request_error"
    assert (
        error_of(await api.http.post("/v1/audio/translations", headers=headers), 404)["code"] == "not_found"
    )
    await assert_nothing_is_left(api)


async def test_whoever_gets_a_text_may_upload_and_read(api: Api, account: Account) -> None:
    async def with_scopes(scope: str) -> dict[str, str]:
        asked = {"scopes": [scope]}
        made = (await api.http.post("/v1/account/api-keys", headers=account.headers, json=asked)).json()
        return {"Authorization": f"Bearer {made['api_key']}:{made['api_secret']}"}

    for scope in ("voicenotes:read", "voicenotes:write"):
        error = error_of(await dictate(api, await with_scopes(scope)), 403)
        assert error["code"] == "insufficient_scope"
    stranger = await make_account(api.context.database)
    wrong = {"Authorization": f"Bearer {stranger.key_pair.api_key}:{account.key_pair.api_secret}"}
    for headers in (wrong, {"Authorization": "Bearer sk-proj-of-openai"}, {}):
        answer = await dictate(api, headers)
        assert error_of(answer, 401)["type"] == "invalid_request_error"
    await assert_nothing_is_left(api)
