"""What an attacker tries with an account of their own, or with none."""

import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from support.app import Account, Api, SettableClock
from support.clips import AUDIO
from support.wire import exchange, request_bytes, served

from vocafuse_server.accounts.models import ApiKey, Tenant
from vocafuse_server.app import create_app
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.core.settings import Settings

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()


async def calls_of(work: Callable[[], Awaitable[httpx2.Response]]) -> Counter[str]:
    """How often each of our functions is called while the work is done, and each in C that they call."""
    seen: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if "vocafuse_server" not in frame.f_code.co_filename:
            return
        if event == "c_call":
            seen[str(argument.__qualname__)] += 1
        if event == "call":
            seen[frame.f_code.co_qualname] += 1

    sys.setprofile(note)
    try:
        answer = await work()
    finally:
        sys.setprofile(None)
    assert answer.status_code == 401
    return seen


async def test_an_unknown_key_takes_the_same_work_as_a_wrong_secret(api: Api, account: Account) -> None:
    unknown = {**account.headers, "X-VocaFuse-API-Key": f"sk_live_{'x' * 24}"}
    wrong = {**account.headers, "X-VocaFuse-API-Secret": "x" * 64}
    assert len(wrong["X-VocaFuse-API-Secret"]) == len(account.key_pair.api_secret)

    def ask(headers: dict[str, str]) -> Callable[[], Awaitable[httpx2.Response]]:
        return lambda: api.http.get("/v1/voicenotes", headers=headers)

    for headers in (unknown, wrong):  # What is only made once is made now.
        await calls_of(ask(headers))
    strangers, guessers = [await calls_of(ask(headers)) for headers in (unknown, wrong)]
    for work in ("secret_matches", "openssl_sha256", "compare_digest"):
        assert strangers[work] == guessers[work] == 1, work
    # All that differs is that a row was found, which takes some microseconds.
    assert strangers - guessers == Counter()
    assert {work for work in guessers - strangers if "." in work and work[0].isupper()} == {"RowQuery.row"}
    assert (guessers - strangers).total() < 10


async def test_a_secret_in_a_field_is_never_echoed(api: Api, account: Account) -> None:
    hook = {"url": "https://93.184.215.14/hook", "events": ["voicenote.created"]}
    for secret in ("my secret\n", "my secret" * 30, ["my secret"], {"a": "my secret"}):
        for method, path in (("POST", "/v1/webhooks"), ("PUT", f"/v1/webhooks/{new_uuid()}")):
            answer = await api.http.request(
                method, path, headers=account.headers, json={**hook, "secret": secret}
            )
            assert answer.status_code == 400
            assert answer.json()["error"]["details"]["field"] == "secret"
            assert "my secret" not in answer.text


@pytest.mark.parametrize("path", ["/v1/account", "/v1/account/api-keys", "/v1/upload"])
async def test_fields_that_are_not_the_callers_to_set_are_ignored(
    api: Api, account: Account, other_account: Account, database: Database, path: str
) -> None:
    stolen = {
        "id": str(new_uuid()),
        "tenant_id": str(other_account.id),
        "is_default": True,
        "plan": "free",
        "status": "suspended",
        "secret_digest": "00",
        "audio_key": "../../etc/passwd",
        "s3_key": "x/y",
        "usage_count": 99,
        "created_at": "2001-01-01T00:00:00",
        "api_key": "sk_live_chosen",
        "upload_source": "url",
        "client_ip": "6.6.6.6",
        "transcription_run": 7,
        "deleted_at": "2001-01-01",
    }
    fields = {"file_name": "note.wav", "name": "Mine", **stolen}
    method = "PUT" if path == "/v1/account" else "POST"
    answer = await api.http.request(method, path, headers=account.headers, json=fields)
    assert answer.status_code in {200, 201}
    assert not [
        value for value in ("suspended", "sk_live_chosen", "2001", "etc/passwd") if value in answer.text
    ]
    async with database.transaction() as session:
        tenants = (await session.scalars(select(Tenant))).all()
        keys = (await session.scalars(select(ApiKey))).all()
    assert {(one.plan, one.status, one.is_default) for one in tenants} == {("enterprise", "active", False)}
    assert {one.id for one in tenants} == {account.id, other_account.id}
    assert stolen["api_key"] not in {one.api_key for one in keys}
    own = await api.http.get("/v1/voicenotes", headers=other_account.headers)
    assert own.json()["total"] == 0


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.wav",
        "..\\..\\boot.wav",
        "/etc/passwd",
        "a.wav/../../b",
        "note.../../x",
        "%2e%2e%2fpasswd.wav",
        "note.wav%00.html",
        "\u202egnp.wav",
        'a"; filename="evil.html',
        "é\u0301🎙️.wav",
    ],
)
async def test_a_file_name_is_a_name_and_no_path_or_header(
    api: Api, account: Account, settings: Settings, name: str
) -> None:
    made = await api.http.post("/v1/upload", headers=account.headers, json={"file_name": name})
    assert made.status_code == 201
    key, note_id = made.json()["s3_key"], made.json()["voicenote_id"]
    assert key.rpartition(".")[0] == f"{account.id}/{note_id}"
    assert key.rpartition(".")[2].isalnum()
    target = httpx2.URL(made.json()["presigned_url"])
    assert (await api.http.put(str(target), content=CLIP)).status_code == 200
    stored = [
        path for path in settings.data_dir.rglob("*") if path.is_file() and path.stat().st_size == len(CLIP)
    ]
    assert stored == [settings.data_dir / "audio" / key]
    answer = await api.http.get(f"/v1/voicenotes/{note_id}/audio", headers=account.headers)
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert not {*disposition.removeprefix("attachment; filename*=UTF-8''")} & {*'";/\\\r\n \u202e'}


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "a\nb", "a\x00b", "\ud800", "x" * 256])
async def test_a_file_name_that_could_be_more_is_refused(api: Api, account: Account, name: str) -> None:
    headers = {**account.headers, "Content-Type": "application/json"}
    answer = await api.http.post("/v1/upload", headers=headers, content=json.dumps({"file_name": name}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2003)
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "host",
    [b"evil.test", b"evil.test/path?", b"a b", b'"><script>', b"a@b", b"", b"[::1", b"a:99999", b"\xff"],
)
async def test_a_forged_host_reaches_nobody_else(
    settings: Settings, database_url: str, clock: SettableClock, account: Account, host: bytes
) -> None:
    """URLs in answers follow the Host header unless the public URL is set; they go to who sent it."""
    keys = [(name.encode(), value.encode()) for name, value in account.headers.items()]
    asked = [*keys, (b"Content-Type", b"application/json")]
    body = b'{"file_name": "note.wav"}'
    async with served(create_app(settings, database_url, clock=clock), settings) as port:
        forged = await exchange(port, request_bytes("POST", b"/v1/upload", [*asked, (b"Host", host)], body))
        honest = await exchange(port, request_bytes("POST", b"/v1/upload", asked, body))
    assert forged.status in {201, 400}
    assert json.loads(honest.body)["presigned_url"].startswith("http://notes.test/v1/uploads/")


async def test_huge_numbers_are_refused_or_ignored(api: Api, account: Account) -> None:
    for number in (2**31, 2**63, 10**30, -(2**63) - 1):
        for path in ("/v1/voicenotes?page={}", "/v1/webhooks?limit={}", "/api/v2/voice-notes?offset={}"):
            headers = {"Authorization": f"Bearer {account.key_pair.api_key}:{account.key_pair.api_secret}"}
            kind = headers if path.startswith("/api/v2") else account.headers
            answer = await api.http.get(path.format(number), headers=kind)
            assert answer.status_code == 400, (path, number, answer.text)
        body = json.dumps({"file_name": "note.wav", "duration_seconds": 1.5, "sdk_metadata": {"a": number}})
        headers = {**account.headers, "Content-Type": "application/json"}
        answer = await api.http.post("/v1/upload", headers=headers, content=body)
        assert answer.status_code in {201, 400}
        url = f"/v1/uploads/{new_uuid()}?expires={number}&signature={'0' * 64}"
        assert (await api.http.put(url, content=CLIP)).status_code == 401


async def test_two_spellings_of_one_text_are_two_titles(
    api: Api, account: Account, clock: SettableClock
) -> None:
    """Nothing is normalised behind the caller's back, and nothing that looks like a match is one."""
    clock.now = utc_now()
    made = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u1"})
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    titles = ["caf\u00e9", "cafe\u0301", "\u0441af\u00e9", "a\u202eb", "a\u200bb", "\U0001f399"]
    for title in titles:
        note = {"audioUrl": "https://93.184.215.14/a.webm", "title": title, "tags": [title]}
        answer = await api.http.post("/api/v2/voice-notes", headers=bearer, json=note)
        assert answer.status_code == 201, answer.text
    for title in titles:
        for query in ({"search": title}, {"tags": title}):
            found = await api.http.get("/api/v2/voice-notes", headers=bearer, params=query)
            assert title in found.text
            assert found.text.count('"title"') == 1, (title, query)
