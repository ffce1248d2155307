"""The examples in the API's description are of the form of what the app answers.

VOCAFUSE_TEST_WRITE_EXAMPLES=1 writes them anew from the answers; `make openapi` then takes them over.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text
from support.app import Account, Api, SettableClock, make_account, running_app
from support.clips import AUDIO
from support.dictations import begun, join_idly

from vocafuse_server.accounts.models import Plan
from vocafuse_server.app import dialect_of
from vocafuse_server.audio.decoder import DecoderPool
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.ids import NoteId
from vocafuse_server.core.queue import JobQueue
from vocafuse_server.dialects.examples import EXAMPLES_FILE
from vocafuse_server.dialects.rate_limit_headers import UNLIMITED
from vocafuse_server.dialects.routing import MAX_FORM_OVERHEAD_BYTES, MAX_JSON_BYTES
from vocafuse_server.dictation.transcribing import transcribe_dictation
from vocafuse_server.notes.models import FIRST_RUN
from vocafuse_server.notes.transcribing import TranscribingContext, transcribe_note
from vocafuse_server.openapi import description
from vocafuse_server.transcription.adaptive import AdaptiveWhisper

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
KEPT = Path(str(files("vocafuse_server.dialects") / EXAMPLES_FILE))
HOOK = {"url": "https://93.184.215.14/hook", "events": ["voicenote.transcribed"]}
SINCE = {"since": "2026-03-01"}
HOOK_CALLS = [
    *(("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate-secret")),
    *(
        ("GET", "/deliveries"),
        ("GET", "/deliveries/{delivery_id}"),
        ("POST", "/redeliver"),
        ("POST", "/deliveries/{delivery_id}/redeliver"),
    ),
]
SECRETS = {"api_key", "api_secret", "secret", "token", "jwt_token", "id_token"}
V2 = "/api/v2/voice-notes"
MODELS, AT_ONCE = "/v1/models", "/v1/audio/transcriptions"
NOWHERE = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
async def worker(
    api: Api, clock: SettableClock, engine: AdaptiveWhisper
) -> AsyncIterator[TranscribingContext]:
    decoder = DecoderPool(processes=1, limits=DecoderLimits(max_duration_s=60))
    yield TranscribingContext(api.context.database, JobQueue(), api.context.objects, decoder, engine, clock)
    await decoder.close()


class Recorder:
    """Makes calls and keeps the answers, each under its route and status."""

    def __init__(self, api: Api, account: Account, answers: dict[str, Any]) -> None:
        self._api = api
        self._account = account
        self.answers = answers

    async def call(self, route: str, **sent: Any) -> Any:
        """The body of the answer to a call of `METHOD /path`; ids for the path come as `path`."""
        method, path = route.split()
        headers = {**self._account.headers, **sent.pop("headers", {})}
        url = path.format(**sent.pop("path", {}))
        answer: httpx2.Response = await self._api.http.request(method, url, headers=headers, **sent)
        body = answer.json() if answer.content else None
        if body is not None:
            self.answers[f"{route} {answer.status_code}"] = body
        return body

    async def fail(self, status: int, method: str, url: str, **sent: Any) -> None:
        """Keep the error of a call under its dialect and status alone."""
        headers = {**self._account.headers, **sent.pop("headers", {})}
        answer = await self._api.http.request(method, url, headers=headers, **sent)
        assert answer.status_code == status, answer.text
        dialect = dialect_of(url.partition("?")[0])
        self.answers[f"{dialect}-{status}"] = answer.json()


async def record_notes(recorder: Recorder, worker: TranscribingContext) -> None:
    """Uploads and notes, in both spellings."""
    await recorder.call("POST /v1/token", json={"user_id": "user_12345", "expires_in": 3600})
    asked = {"file_name": "note.webm", "custom_tags": {"jobId": "job_123"}, "user_id": "user_12345"}
    await recorder.call("POST /v1/upload", json=asked)
    for collection in ("voicenotes", "recordings"):
        form = {"custom_tags": '{"jobId": "job_123"}', "user_id": "user_12345"}
        path = f"/v1/{collection}"
        note = await recorder.call(f"POST {path}", files={"file": ("note.wav", CLIP)}, data=form)
        unready = await recorder.call(f"GET {path}/{{note_id}}/transcription", path={"note_id": note["id"]})
        assert unready["error"]["name"] == "TRANSCRIPTION_NOT_READY"
        await transcribe_note(worker, NoteId(UUID(note["id"])))
        await recorder.call(f"GET {path}", params={"limit": "1"})
        for part in ("", "/transcription"):
            await recorder.call(f"GET {path}/{{note_id}}{part}", path={"note_id": note["id"]})
        await recorder.call(f"GET {path}/{{note_id}}", path={"note_id": NOWHERE})
        await recorder.call(f"GET {path}/{{note_id}}/audio", path={"note_id": NOWHERE})
        await recorder.call(f"DELETE {path}/{{note_id}}", path={"note_id": NOWHERE})
        for note_id in (NOWHERE, note["id"]):
            await recorder.call(
                f"PATCH {path}/{{note_id}}", path={"note_id": note_id}, json={"title": "Retro"}
            )
            await recorder.call(f"POST {path}/{{note_id}}/restore", path={"note_id": note_id})
        for note_id in (NOWHERE, note["id"]):
            await recorder.call(f"POST {path}/{{note_id}}/transcribe", path={"note_id": note_id})
        await recorder.call(
            f"GET {path}/{{note_id}}/audio", path={"note_id": note["id"]}, headers={"Range": "bytes=9999999-"}
        )
    await recorder.call("GET /v1/events", params={"voicenote_id": NOWHERE})
    await recorder.call("PUT /v1/uploads/{note_id}", path={"note_id": NOWHERE}, content=CLIP)
    gone = await recorder.call("POST /v1/upload", json=asked)
    path = {"note_id": gone["voicenote_id"]}
    await recorder.call("DELETE /v1/voicenotes/{note_id}", path=path)
    query = dict(parse_qsl(urlsplit(str(gone["presigned_url"])).query))
    await recorder.call("PUT /v1/uploads/{note_id}", path=path, params=query, content=CLIP)


async def record_voice_notes(recorder: Recorder, worker: TranscribingContext) -> None:
    """v2's, of the audio of a note that is there already."""
    one = f"{V2}/{{note_id}}"
    note = recorder.answers["POST /v1/recordings 201"]
    asked = {"title": "Sprint retro", "tags": ["retro"], "metadata": {"room": "A"}, "duration": 2.5}
    url = f"http://notes.test/v1/recordings/{note['id']}/audio"
    made = await recorder.call(f"POST {V2}", json={"audioUrl": url, **asked})
    at = {"note_id": made["voiceNote"]["id"]}
    await recorder.call(f"GET {one}/transcript", path=at)
    await recorder.call(f"POST {one}/transcribe", path=at)
    await transcribe_note(worker, NoteId(UUID(at["note_id"])), run=FIRST_RUN + 1)
    await recorder.call(f"GET {V2}", params={"limit": "1"})
    for part in ("", "/transcript"):
        await recorder.call(f"GET {one}{part}", path=at)
    for note_id in (NOWHERE, at["note_id"]):
        await recorder.call(f"PUT {one}", path={"note_id": note_id}, json={"title": "Retro"})
    for note_id in (NOWHERE, at["note_id"]):
        await recorder.call(f"DELETE {one}", path={"note_id": note_id})
    await recorder.call(f"GET {one}", path=at)
    await recorder.call(f"POST {one}/transcribe", path=at)


async def record_webhooks(recorder: Recorder) -> None:
    one, path = "/v1/webhooks/{webhook_id}", {"webhook_id": NOWHERE, "delivery_id": NOWHERE}
    for method, part in HOOK_CALLS:
        bodies = {("PUT", ""): HOOK, ("POST", "/redeliver"): SINCE}
        sent = {"json": bodies[method, part]} if (method, part) in bodies else {}
        await recorder.call(f"{method} {one}{part}", path=path, **sent)
    path = {"webhook_id": (await recorder.call("POST /v1/webhooks", json=HOOK))["id"]}
    await recorder.call("POST /v1/webhooks", json=HOOK)
    await recorder.call("GET /v1/webhooks")
    await recorder.call(f"GET {one}", path=path)
    await recorder.call(f"PUT {one}", path=path, json={"events": ["voicenote.transcribed"]})
    delivery = await recorder.call(f"POST {one}/test", path=path)
    path["delivery_id"] = delivery["id"]
    await recorder.call(f"GET {one}/deliveries", path=path)
    await recorder.call(f"GET {one}/deliveries/{{delivery_id}}", path=path)
    await recorder.call(f"POST {one}/deliveries/{{delivery_id}}/redeliver", path=path)
    await recorder.call(f"POST {one}/redeliver", path=path, json=SINCE)
    await recorder.call(f"POST {one}/rotate-secret", path=path)


async def record_account(recorder: Recorder) -> None:
    await recorder.call("PUT /v1/account", json={"name": "Acme", "email": "ops@example.com"})
    await recorder.call("GET /v1/account")
    await recorder.call("GET /v1/account/usage", params={"days": "2"})
    keys, one = "/v1/account/api-keys", "/v1/account/api-keys/{api_key_id}"
    own = (await recorder.call(f"GET {keys}"))["api_keys"][0]["id"]
    made = await recorder.call(f"POST {keys}", json={"name": "Backend", "scopes": ["voicenotes:read"]})
    await recorder.call(f"GET {one}", path={"api_key_id": made["id"]})
    await recorder.call(f"GET {one}", path={"api_key_id": NOWHERE})
    await recorder.call(f"DELETE {one}", path={"api_key_id": NOWHERE})
    await recorder.call(f"DELETE {one}", path={"api_key_id": own})


async def record_openai(recorder: Recorder, api: Api, worker: TranscribingContext) -> None:
    """OpenAI's, whose transcription is in the answer itself."""
    await recorder.call(f"GET {MODELS}")
    for name in ("whisper-1", "whisper-0"):
        await recorder.call(f"GET {MODELS}/{{model_id}}", path={"model_id": name})
    await join_idly(api)
    asking = asyncio.create_task(
        recorder.call(
            f"POST {AT_ONCE}",
            files={"file": ("note.wav", CLIP)},
            data={
                "model": "whisper-1",
                "response_format": "verbose_json",
                "timestamp_granularities[]": ["segment", "word"],
            },
        )
    )
    await transcribe_dictation(worker, await begun(api))
    await asking


async def record_errors(recorder: Recorder, api: Api) -> None:
    """Those that many routes have alike."""
    await recorder.call("GET /healthz")
    await recorder.fail(400, "GET", "/v1/voicenotes?limit=1000")
    await recorder.fail(400, "GET", f"{V2}?limit=1000")
    await recorder.fail(400, "GET", f"{MODELS}?a=1&a=2")
    for url in ("/v1/voicenotes", V2, MODELS):
        await recorder.fail(401, "GET", url, headers={"X-VocaFuse-API-Secret": "wrong"})
    asked = {"json": {"name": "Reader", "scopes": ["voicenotes:read"]}}
    made = await recorder.call("POST /v1/account/api-keys", **asked)
    reader = {"X-VocaFuse-API-Key": made["api_key"], "X-VocaFuse-API-Secret": made["api_secret"]}
    await recorder.fail(403, "GET", "/v1/account", headers=reader)
    await recorder.fail(403, "DELETE", f"{V2}/{NOWHERE}", headers=reader)
    await recorder.fail(403, "POST", AT_ONCE, headers=reader)
    too_large = api.context.settings.max_upload_bytes + 1
    await recorder.fail(413, "POST", "/v1/upload", json={"file_name": "a.wav", "file_size": too_large})
    await recorder.fail(413, "POST", AT_ONCE, content=b" " * (too_large + MAX_FORM_OVERHEAD_BYTES))
    await recorder.fail(413, "POST", V2, content=b" " * (MAX_JSON_BYTES + 1))
    used = {"Idempotency-Key": "a"}
    await recorder.call("POST /v1/upload", json={"file_name": "a.wav", "user_id": "user_12345"}, headers=used)
    await recorder.fail(409, "POST", "/v1/upload", json={"file_name": "b.wav"}, headers=used)
    await recorder.fail(409, "POST", V2, json={"audioUrl": "https://example.com/retro.webm"}, headers=used)


async def record_refusals(recorder: Recorder, api: Api, free: Account, cluster: EmbeddedPostgres) -> None:
    """Of a caller that asks too often, of a server that can't, and of one that is broken."""
    while (await api.http.get("/v1/account", headers=free.headers)).status_code == 200:
        pass
    for url in ("/v1/account", V2, MODELS):
        await recorder.fail(429, "GET", url, headers=free.headers)
    async with running_app(api.context.settings, cluster.url("missing"), SettableClock()) as shut:
        for url in ("/v1/account", V2, MODELS):
            await Recorder(shut, free, recorder.answers).fail(503, "GET", url)
    async with api.context.database.transaction() as session:
        await session.execute(text("ALTER TABLE webhooks RENAME TO elsewhere"))
        await session.execute(text("ALTER TABLE notes RENAME TO elsewhere_too"))
        await session.execute(text("ALTER TABLE dictations RENAME TO elsewhere_as_well"))
    for url in ("/v1/webhooks", V2):
        await recorder.fail(500, "GET", url)
    form = {"files": {"file": ("note.wav", CLIP)}, "data": {"model": "whisper-1"}}
    await recorder.fail(500, "POST", AT_ONCE, **form)


def same_form(one: object, other: object) -> bool:
    """Whether two values have the same fields in the same order, of the same kinds; null fits anything."""
    if one is None or other is None:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("dict[str, object]", one), cast("dict[str, object]", other)
        return list(left) == list(right) and all(same_form(left[name], right[name]) for name in left)
    if isinstance(one, list) and isinstance(other, list):
        firsts = zip(cast("list[object]", one)[:1], cast("list[object]", other)[:1], strict=True)
        return all(same_form(left, right) for left, right in firsts)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isinstance(one, bool) == isinstance(other, bool)
    return isinstance(one, str) and isinstance(other, str)


def without_secrets(name: str, value: Any) -> Any:
    """The value without what looks like a secret to those who search for lost ones."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: without_secrets(name, part) for name, part in members.items()}
    if isinstance(value, list):
        return [without_secrets("", part) for part in cast("list[Any]", value)]
    if name in SECRETS:
        return f"{value[:8]}…"
    return value.partition("signature=")[0] + "signature=…" if name == "presigned_url" else value


def kept_examples(answers: dict[str, Any]) -> dict[str, Any]:
    """What was kept; written anew from the answers before if that is wished."""
    if os.environ.get("VOCAFUSE_TEST_WRITE_EXAMPLES"):
        shown = without_secrets("", answers)
        KEPT.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
    kept: dict[str, Any] = json.loads(KEPT.read_text())
    return kept


@pytest.mark.model
async def test_the_examples_are_of_the_form_of_real_answers(
    api: Api, account: Account, worker: TranscribingContext, cluster: EmbeddedPostgres
) -> None:
    recorder = Recorder(api, account, {})
    await record_notes(recorder, worker)
    await record_voice_notes(recorder, worker)
    await record_webhooks(recorder)
    await record_account(recorder)
    await record_openai(recorder, api, worker)
    await record_errors(recorder, api)
    free = await make_account(worker.database, plan=Plan.FREE)
    await record_refusals(recorder, api, free, cluster)
    kept = kept_examples(recorder.answers)
    assert list(kept) == list(recorder.answers)
    assert [name for name in kept if not same_form(kept[name], recorder.answers[name])] == []


def test_every_answer_with_a_body_has_an_example() -> None:
    described = json.loads(description())
    without = [
        f"{method.upper()} {path} {status}"
        for path, operations in described["paths"].items()
        if path not in UNLIMITED
        for method, operation in operations.items()
        for status, response in operation["responses"].items()
        if "examples" not in response.get("content", {}).get("application/json", {"examples": None})
    ]
    assert without == []
