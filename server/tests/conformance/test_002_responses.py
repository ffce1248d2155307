"""Document 002: the form of answers and errors, and status codes."""

from pathlib import Path

import pytest
from sqlalchemy import text
from support.app import SettableClock, running_app
from support.clips import AUDIO

from conformance.conftest import Library
from conformance.examples import assert_same_form, example
from conformance.promises import promise
from conformance.service import HOOK_URL, SPOKEN, ApiUser, Service, key_headers
from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.embedded_postgres import EmbeddedPostgres
from vocafuse_server.core.settings import Settings

SUCCESS = "Success Response"
ERROR = "Error Response"
CODES_2XX = "Success Codes (2xx)"
CODES_4XX = "Client Error Codes (4xx)"
CODES_5XX = "Server Error Codes (5xx)"


def shown_of(answer: dict[str, object], shown: dict[str, object]) -> dict[str, object]:
    """The part of an answer that an abridged example shows."""
    return {name: value for name, value in answer.items() if name in shown}


@promise(
    "002",
    SUCCESS,
    "The example: what was asked for, by itself, with the fields of the example in their order",
)
async def test_success_is_the_thing_itself(library: Library) -> None:
    shown = example("002_success")
    answer = await library.user.get(library.mp3["uri"])
    assert_same_form(shown, shown_of(answer, shown))


@promise(
    "002",
    SUCCESS,
    "The example's status is `completed`",
    deviation="`transcribed`, as documents 000 and 001 have it; as a filter both words are understood",
)
async def test_success_status_is_transcribed(library: Library) -> None:
    assert (await library.user.get(library.mp3["uri"]))["status"] == "transcribed"
    both = [
        await library.user.ids(f"/v1/voicenotes?status={word}")
        for word in (example("002_success")["status"], "transcribed")
    ]
    assert both[0] == both[1] == [library.mp3["id"], library.webm["id"]]


@promise("002", SUCCESS, "The example of a list: its items and where its pages are, to the letter")
async def test_success_of_a_list_has_the_pages_metadata(user: ApiUser) -> None:
    for _ in range(25):
        await user.upload()
    page = await user.get("/v1/voicenotes?limit=10")
    assert list(page) == list(example("002_list"))
    assert {**page, "voicenotes": []} == example("002_list")
    assert len(page["voicenotes"]) == 10


@promise(
    "002",
    ERROR,
    "The example: an object `error` with `code`, `message`, `type` and `details`",
    deviation="`name` (the code as a word) and `request_id` are added, and `type` comes before `message`",
)
async def test_error_has_the_published_fields(user: ApiUser) -> None:
    answer = await user.call("POST", "/v1/token", json={})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert list(error) == ["code", "name", "type", "message", "details", "request_id"]
    assert (error.pop("name"), error.pop("request_id")) == ("INVALID_REQUEST", answer.headers["X-Request-Id"])
    assert {"error": error} == example("002_error")


@promise("002", CODES_2XX, "200: it went well, and the body holds data")
async def test_codes_200(library: Library) -> None:
    answer = await library.user.call("GET", library.mp3["uri"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["id"] == library.mp3["id"]


@promise("002", CODES_2XX, "201: something was made")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/upload", {"file_name": "a.wav"}),
        ("/v1/webhooks", {"url": HOOK_URL, "events": ["voicenote.created"]}),
        ("/v1/account/api-keys", {}),
    ],
)
async def test_codes_201(user: ApiUser, path: str, body: dict[str, object]) -> None:
    answer = await user.call("POST", path, json=body)
    assert answer.status_code == 201
    assert answer.json()


@promise("002", CODES_2XX, "204: it went well, and there is no body; for DELETE")
async def test_codes_204(user: ApiUser) -> None:
    webhook = await user.post("/v1/webhooks", {"url": HOOK_URL, "events": ["voicenote.created"]})
    key = await user.post("/v1/account/api-keys", {})
    note = await user.upload()
    for uri in (webhook["uri"], key["uri"], note["uri"]):
        answer = await user.call("DELETE", uri)
        assert (answer.status_code, answer.content) == (204, b"")


@promise("002", CODES_4XX, "400: parameters that are not valid, or a malformed request")
async def test_codes_400(user: ApiUser) -> None:
    await user.refused("GET", "/v1/voicenotes?limit=0", 400)
    await user.refused("POST", "/v1/token", 400, content=b"{", headers={"Content-Type": "application/json"})


@promise("002", CODES_4XX, "401: credentials that are missing or not valid")
async def test_codes_401(user: ApiUser) -> None:
    for headers in ({}, key_headers("sk_live_unknown", "secret"), {"Authorization": "Bearer nonsense"}):
        await ApiUser(user.http, headers).refused("GET", "/v1/voicenotes", 401)


@promise("002", CODES_4XX, "403: valid credentials that don't suffice")
async def test_codes_403(user: ApiUser) -> None:
    reader = await user.with_scopes("voicenotes:read")
    await reader.refused("POST", "/v1/upload", 403, json={"file_name": "a.wav"})


@promise("002", CODES_4XX, "404: it doesn't exist, or isn't the caller's")
async def test_codes_404(user: ApiUser, other: ApiUser) -> None:
    note = await user.upload()
    await other.refused("GET", note["uri"], 404)
    await user.refused("GET", "/v1/voicenotes/0190b7a0-0000-7000-8000-000000000000", 404)


@promise("002", CODES_4XX, "413: a file over 25 MB")
async def test_codes_413(user: ApiUser) -> None:
    limit = 25 * 1024 * 1024
    await user.announce(file_size=limit)
    await user.refused("POST", "/v1/upload", 413, json={"file_name": "a.wav", "file_size": limit + 1})
    start = (AUDIO / SPOKEN).read_bytes()
    await user.refused(
        "POST", "/v1/voicenotes", 413, files={"file": ("a.wav", start + bytes(limit + 1 - len(start)))}
    )


@promise("002", CODES_4XX, "429: more requests than the rate limit allows")
async def test_codes_429(service: Service) -> None:
    free = await service.new_user(plan=Plan.FREE)
    for _ in range(20):
        await free.get("/v1/webhooks")
    await free.refused("GET", "/v1/webhooks", 429)


@promise("002", CODES_5XX, "500: something unexpected went wrong on the server")
async def test_codes_500(service: Service, user: ApiUser) -> None:
    note = await user.upload()
    database = service.api.context.database
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE notes RENAME TO elsewhere"))
    try:
        error = await user.refused("GET", note["uri"], 500)
    finally:
        async with database.transaction() as session:
            await session.execute(text("ALTER TABLE elsewhere RENAME TO notes"))
    assert (error["type"], error["details"]) == ("ServerError", {})


@promise("002", CODES_5XX, "503: the service can't be had for the moment")
async def test_codes_503(cluster: EmbeddedPostgres, tmp_path: Path, clock: SettableClock) -> None:
    async with running_app(Settings(data_dir=tmp_path), cluster.url("missing"), clock) as api:
        nobody = ApiUser(api.http, key_headers("sk_live_any", "secret"))
        error = await nobody.refused("GET", "/v1/voicenotes", 503)
    assert error["type"] == "ServerError"
