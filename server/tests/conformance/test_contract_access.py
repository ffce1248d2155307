"""The contract on domain, authentication and tokens."""

import re
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import text
from support.app import SettableClock

from conformance.conftest import Library
from conformance.examples import TIME
from conformance.promises import promise
from conformance.service import HOOK_URL, ApiUser, Service, key_headers

NOTES = "/v1/voicenotes"
KEYS = "/v1/account/api-keys"
KEY_SCOPES = (
    *("voicenotes:read", "voicenotes:write", "webhooks:read", "webhooks:write"),
    *("account:read", "account:write"),
)
UPLOAD, READ = "voice-api.upload_recording", "voice-api.read_recording"


@promise("contract", "Domain", "`created`: the note is there, its audio isn't yet, and no list shows it")
async def test_domain_created(user: ApiUser) -> None:
    made = await user.announce()
    assert (await user.get(f"{NOTES}/{made['voicenote_id']}"))["status"] == "created"
    assert (await user.get(NOTES))["total"] == 0


@promise("contract", "Domain", "`failed`: `failure.code` and `failure.message` say why")
async def test_domain_failed(library: Library) -> None:
    failure = library.failed["failure"]
    assert failure["code"] == "UNSUPPORTED_AUDIO"
    assert failure["message"]


@promise("contract", "Domain", "As a filter, `completed` means `transcribed`")
async def test_domain_completed(library: Library) -> None:
    ids = await library.user.ids(f"{NOTES}?status=completed")
    assert ids == [library.mp3["id"], library.webm["id"]]


@promise("contract", "Domain", "Ids are UUIDs of version 7, so they sort by time")
async def test_domain_ids_sort_by_time(user: ApiUser) -> None:
    ids = [(await user.upload())["id"] for _ in range(3)]
    assert ids == sorted(ids)
    assert {UUID(one).version for one in ids} == {7}


@promise("contract", "Domain", "Anything else in an id's place is an unknown id: 404")
@pytest.mark.parametrize(
    "odd", ["rec_123", "1", "%00", "é", "a" * 300, "0190b7a0-0000-7000-8000-000000000000"]
)
@pytest.mark.parametrize("path", [NOTES, "/v1/webhooks", KEYS])
async def test_domain_unknown_ids(user: ApiUser, path: str, odd: str) -> None:
    error = await user.refused("GET", f"{path}/{odd}", 404)
    assert error["message"].endswith(" not found")


@promise("contract", "Domain", "Times are UTC to the second, without a zone")
async def test_domain_times(clock: SettableClock, user: ApiUser) -> None:
    clock.now = datetime(2025, 10, 6, 19, 33, 31, 999_999, tzinfo=timezone(timedelta(hours=2)))
    note = await user.upload()
    assert note["created_at"] == "2025-10-06T17:33:31"
    webhook = await user.post("/v1/webhooks", {"url": HOOK_URL, "events": ["voicenote.created"]})
    account = await user.get("/v1/account")
    assert all(TIME.fullmatch(one["created_at"]) for one in (webhook, account))


@promise("contract", "Domain", "A tenant never sees, counts, changes or learns of another's things")
async def test_domain_tenants_are_apart(user: ApiUser, other: ApiUser) -> None:
    note = await user.upload()
    webhook = await user.post("/v1/webhooks", {"url": HOOK_URL, "events": ["voicenote.created"]})
    key = await user.post(KEYS, {})
    for uri in (
        note["uri"],
        f"{note['uri']}/transcription",
        f"{note['uri']}/audio",
        webhook["uri"],
        key["uri"],
    ):
        await other.refused("GET", uri, 404)
    for uri in (note["uri"], webhook["uri"], key["uri"]):
        await other.refused("DELETE", uri, 404)
    assert (await other.get(NOTES))["total"] == 0
    assert (await other.get("/v1/webhooks"))["total"] == 0
    assert key["id"] not in await other.ids(KEYS)
    assert (await user.get(note["uri"]))["id"] == note["id"]


@promise("contract", "Domain", "A user with a token sees its own notes alone")
async def test_domain_users_are_apart(user: ApiUser) -> None:
    ann, bob = await user.token(user_id="ann"), await user.token(user_id="bob")
    note = await ann.upload()
    await user.upload()
    assert await ann.ids(NOTES) == [note["id"]]
    assert await bob.ids(NOTES) == []
    for below in ("", "/transcription", "/audio"):
        await bob.refused("GET", f"{note['uri']}{below}", 404)
    await bob.refused("DELETE", note["uri"], 404)


@promise("contract", "Domain", "An identity is any text of at most 255 characters")
async def test_domain_identities(user: ApiUser) -> None:
    note = await user.upload(user_id="ü" * 255)
    assert note["user_id"] == "ü" * 255
    await user.refused("POST", "/v1/token", 400, json={"user_id": "ü" * 256})


@promise("contract", "Authentication", "Backends send their key and secret in two headers")
async def test_authentication_by_key_pair(user: ApiUser) -> None:
    assert set(user.headers) == {"X-VocaFuse-API-Key", "X-VocaFuse-API-Secret"}
    await user.get(NOTES)


@promise(
    "contract",
    "Authentication",
    "Keys are `sk_live_` or `sk_test_` and 22 or more random URL-safe characters",
)
async def test_authentication_keys(user: ApiUser) -> None:
    made = [(await user.post(KEYS, {}))["api_key"] for _ in range(3)]
    assert all(re.fullmatch(r"sk_(live|test)_[A-Za-z0-9_-]{22,}", key) for key in made)
    assert len(set(made)) == 3


@promise("contract", "Authentication", "Secrets hold 256 random bits or more")
async def test_authentication_secrets(user: ApiUser) -> None:
    made = {(await user.post(KEYS, {}))["api_secret"] for _ in range(3)}
    assert len(made) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]*[A-Za-z0-9_-]{43,}", secret) for secret in made)


@promise("contract", "Authentication", "Of a secret only a digest is stored")
async def test_authentication_stores_digests(service: Service, user: ApiUser) -> None:
    made = await user.post(KEYS, {})
    async with service.api.context.database.transaction() as session:
        rows = await session.execute(text("SELECT to_jsonb(api_keys)::text FROM api_keys"))
        stored = "\n".join(row[0] for row in rows)
    assert made["id"] in stored
    assert made["api_secret"] not in stored


@promise("contract", "Authentication", "Key and secret are shown once")
async def test_authentication_shows_secrets_once(user: ApiUser) -> None:
    made = await user.post(KEYS, {})
    for uri in (made["uri"], KEYS):
        shown = (await user.call("GET", uri)).text
        assert made["id"] in shown
        assert made["api_key"] not in shown
        assert made["api_secret"] not in shown


@promise("contract", "Authentication", "Front ends send `Authorization: Bearer` with a token")
async def test_authentication_by_token(user: ApiUser) -> None:
    token = await user.token()
    assert set(token.headers) == {"Authorization"}
    await token.get(NOTES)


@promise("contract", "Authentication", "Missing credentials: 401 and code 1003")
async def test_authentication_missing(user: ApiUser) -> None:
    error = await ApiUser(user.http, {}).refused("GET", NOTES, 401)
    assert error["code"] == 1003


@promise("contract", "Authentication", "A wrong key or secret: 401 and code 1003")
@pytest.mark.parametrize("wrong", ["X-VocaFuse-API-Key", "X-VocaFuse-API-Secret"])
async def test_authentication_wrong_pair(user: ApiUser, wrong: str) -> None:
    error = await ApiUser(user.http, {**user.headers, wrong: "wrong"}).refused("GET", NOTES, 401)
    assert error["code"] == 1003


@promise("contract", "Authentication", "A wrong token: 401 and code 1001")
async def test_authentication_wrong_token(user: ApiUser) -> None:
    token = (await user.token()).headers["Authorization"]
    for wrong in ("Bearer nonsense", f"{token}x", "Bearer "):
        error = await ApiUser(user.http, {"Authorization": wrong}).refused("GET", NOTES, 401)
        assert error["code"] == 1001


@promise("contract", "Authentication", "An expired token: 401 and code 1002")
async def test_authentication_expired_token(clock: SettableClock, user: ApiUser) -> None:
    clock.advance(timedelta(minutes=-2))
    old = await user.token(expires_in=60)
    assert (await old.refused("GET", NOTES, 401))["code"] == 1002


@promise("contract", "Authentication", "A revoked key: 401 and code 1003")
async def test_authentication_revoked_key(user: ApiUser) -> None:
    made = await user.post(KEYS, {})
    holder = ApiUser(user.http, key_headers(made["api_key"], made["api_secret"]))
    await holder.get(NOTES)
    await user.call("DELETE", made["uri"])
    assert (await holder.refused("GET", NOTES, 401))["code"] == 1003


@promise("contract", "Authentication", "An expired key: 401 and code 1003")
async def test_authentication_expired_key(clock: SettableClock, user: ApiUser) -> None:
    until = (clock() + timedelta(hours=1)).isoformat()
    made = await user.post(KEYS, {"expires_at": until})
    holder = ApiUser(user.http, key_headers(made["api_key"], made["api_secret"]))
    await holder.get(NOTES)
    clock.advance(timedelta(hours=1))
    assert (await holder.refused("GET", NOTES, 401))["code"] == 1003


CALLS = {
    "voicenotes:read": [
        ("GET", NOTES),
        ("GET", f"{NOTES}/x"),
        ("GET", f"{NOTES}/x/transcription"),
        ("GET", f"{NOTES}/x/audio"),
    ],
    "voicenotes:write": [
        ("POST", "/v1/upload"),
        ("POST", NOTES),
        ("DELETE", f"{NOTES}/x"),
        ("POST", f"{NOTES}/x/transcribe"),
    ],
    "webhooks:read": [
        ("GET", "/v1/webhooks"),
        ("GET", "/v1/webhooks/x"),
        ("GET", "/v1/webhooks/x/deliveries"),
    ],
    "webhooks:write": [
        ("POST", "/v1/webhooks"),
        ("PUT", "/v1/webhooks/x"),
        ("DELETE", "/v1/webhooks/x"),
        ("POST", "/v1/webhooks/x/test"),
        ("POST", "/v1/webhooks/x/rotate-secret"),
        ("POST", "/v1/webhooks/x/deliveries/y/redeliver"),
        ("POST", "/v1/webhooks/x/redeliver"),
    ],
    "account:read": [("GET", "/v1/account"), ("GET", KEYS), ("GET", f"{KEYS}/x")],
    "account:write": [("PUT", "/v1/account"), ("POST", KEYS), ("DELETE", f"{KEYS}/x")],
}


@promise("contract", "Authentication", "Each call takes one scope; without it 403 and code 1004")
@pytest.mark.parametrize("scope", CALLS)
async def test_authentication_scopes(user: ApiUser, scope: str) -> None:
    holder = await user.with_scopes(scope)
    rest = await user.with_scopes(*(one for one in KEY_SCOPES if one != scope))
    for method, path in CALLS[scope]:
        # A body that is refused, and an id that nothing has: only the scope decides here.
        answer = await holder.call(method, path, json={"url": 1, "name": 1, "file_name": 1})
        assert answer.status_code != 403, path
        error = await rest.refused(method, path, 403, json=valid_body(path))
        assert error["code"] == 1004, path


def valid_body(path: str) -> dict[str, object]:
    bodies: dict[str, dict[str, object]] = {
        "/v1/upload": {"file_name": "a.wav"},
        "/v1/webhooks": {"url": HOOK_URL, "events": ["voicenote.created"]},
    }
    return bodies.get(path, {})


@promise("contract", "Authentication", "A token's scopes allow to upload and to read")
async def test_authentication_token_scopes(user: ApiUser) -> None:
    uploader, reader = await user.token(scopes=[UPLOAD]), await user.token(scopes=[READ])
    note = await uploader.upload()
    assert (await uploader.refused("GET", note["uri"], 403))["code"] == 1004
    assert (await reader.get(note["uri"]))["id"] == note["id"]
    error = await reader.refused("POST", "/v1/upload", 403, json={"file_name": "a.wav"})
    assert error["code"] == 1004


@promise("contract", "Authentication", "Other spellings of the scopes are understood")
@pytest.mark.parametrize(
    ("alias", "meant"),
    [
        *(("voice-api.upload", UPLOAD), ("voice-api.upload_voicenote", UPLOAD)),
        *(("recordings:write", UPLOAD), ("recordings:read", READ)),
    ],
)
async def test_authentication_scope_aliases(user: ApiUser, alias: str, meant: str) -> None:
    body = await user.post("/v1/token", {"user_id": "u", "scopes": [alias]}, status=200)
    assert body["data"]["scopes"] == [meant]
    key = await user.post(KEYS, {"scopes": ["recordings:read", "recordings:write"]})
    assert key["scopes"] == ["voicenotes:read", "voicenotes:write"]


@promise("contract", "Authentication", "Nobody hands on more than they hold: 403 and code 1004")
async def test_authentication_hands_on_no_more(user: ApiUser) -> None:
    limited = await user.with_scopes("voicenotes:read", "account:write")
    error = await limited.refused("POST", KEYS, 403, json={"scopes": ["voicenotes:write"]})
    assert error["code"] == 1004
    error = await limited.refused("POST", "/v1/token", 403, json={"user_id": "u", "scopes": [UPLOAD]})
    assert error["code"] == 1004


@promise("contract", "Authentication", "An unknown scope: 400 and code 2003")
async def test_authentication_unknown_scope(user: ApiUser) -> None:
    for path, body in ((KEYS, {}), ("/v1/token", {"user_id": "u"})):
        error = await user.refused("POST", path, 400, json={**body, "scopes": ["everything"]})
        assert (error["code"], error["details"]["field"]) == (2003, "scopes")


@promise("contract", "Authentication", "A token mints no tokens")
async def test_authentication_tokens_mint_none(user: ApiUser) -> None:
    error = await (await user.token()).refused("POST", "/v1/token", 403, json={"user_id": "u"})
    assert error["code"] == 1004


@promise("contract", "Authentication", "A `user_id` that is sent under a token is ignored")
async def test_authentication_tokens_speak_for_their_user(user: ApiUser) -> None:
    ann = await user.token(user_id="ann")
    assert (await ann.upload(user_id="bob"))["user_id"] == "ann"
    announced = await ann.announce(user_id="bob")
    assert (await ann.get(f"{NOTES}/{announced['voicenote_id']}"))["user_id"] == "ann"
    await user.upload(user_id="bob")
    assert (await ann.get(f"{NOTES}?user_id=bob"))["total"] == 1


@promise("contract", "Token endpoint", "The answer, field by field")
async def test_token_answer(user: ApiUser) -> None:
    body = await user.post("/v1/token", {"user_id": "u"}, status=200)
    assert list(body) == ["success", "token", "message", "data"]
    assert body["success"] is True
    assert body["message"]
    assert list(body["data"].items()) == [
        ("jwt_token", body["token"]),
        ("id_token", body["token"]),
        ("token_type", "Bearer"),
        ("expires_in", 3600),
        ("tenant_id", user.tenant_id),
        ("scopes", [UPLOAD, READ]),
    ]
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", body["token"])


@promise("contract", "Token endpoint", "`identity` is another name for `user_id`")
async def test_token_takes_identity(user: ApiUser) -> None:
    body = await user.post("/v1/token", {"identity": "ann"}, status=200)
    ann = ApiUser(user.http, {"Authorization": f"Bearer {body['token']}"})
    assert (await ann.upload())["user_id"] == "ann"


@promise(
    "contract", "Token endpoint", "`expires_in` is an integer from 60 to 86400, 3600 when it isn't given"
)
async def test_token_expires_in(user: ApiUser) -> None:
    for seconds in (60, 86_400):
        body = await user.post("/v1/token", {"user_id": "u", "expires_in": seconds}, status=200)
        assert body["data"]["expires_in"] == seconds
    for bad in (59, 86_401, "3600", 3600.5):
        error = await user.refused("POST", "/v1/token", 400, json={"user_id": "u", "expires_in": bad})
        assert (error["code"], error["details"]["field"]) == (2003, "expires_in")


@promise("contract", "Token endpoint", "A token expires when it says so")
async def test_token_expires(clock: SettableClock, user: ApiUser) -> None:
    clock.advance(timedelta(seconds=-3610))
    old = await user.token()
    clock.advance(timedelta(seconds=20))
    fresh = await user.token()
    assert (await old.refused("GET", NOTES, 401))["code"] == 1002
    await fresh.get(NOTES)


@promise(
    "contract", "Token endpoint", "Upload takes the key's `voicenotes:write`, read its `voicenotes:read`"
)
async def test_token_takes_the_keys_scopes(user: ApiUser) -> None:
    for held, scope, beyond in (("voicenotes:write", UPLOAD, READ), ("voicenotes:read", READ, UPLOAD)):
        holder = await user.with_scopes(held)
        await holder.post("/v1/token", {"user_id": "u", "scopes": [scope]}, status=200)
        await holder.refused("POST", "/v1/token", 403, json={"user_id": "u", "scopes": [beyond]})


@promise("contract", "Token endpoint", "Without `user_id`: 400, code 2001, naming the field")
async def test_token_needs_a_user(user: ApiUser) -> None:
    error = await user.refused("POST", "/v1/token", 400, json={})
    assert (error["code"], error["details"]) == (
        2001,
        {"field": "user_id", "reason": "missing required field"},
    )
