"""Who may see what in v2, and what everybody else is told."""

from typing import Any

import pytest
from sqlalchemy import text
from support.app import Account, Api
from support.voice_notes import ELSEWHERE, PATH, Lvng, token_user

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import new_uuid


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/transcribe"),
        ("GET", "/transcript"),
    ],
)
async def test_nobody_finds_what_is_somebody_elses(
    api: Api, ann: Lvng, bob: Lvng, other_account: Account, method: str, path: str
) -> None:
    note = await ann.create()
    body: dict[str, Any] = {"json": {"title": "x"}} if method == "PUT" else {}
    strangers = [bob, Lvng(api, other_account.headers), await token_user(api, other_account, "ann")]
    for stranger in strangers:
        for unknown in (note["id"], str(new_uuid()), "7", "%00"):
            answer = await stranger.ask(method, f"/{unknown}{path}", **body)
            assert (answer.status_code, answer.json()) == (
                404,
                {
                    "success": False,
                    "error": "Voice note not found",
                    "message": "There is no voice note with this id, or it is not yours.",
                },
            )
        assert (await stranger.page())["total"] == 0
    assert await ann.get(note["id"]) | {"transcript": 0, "transcript_segments": 0} == {
        **note,
        "transcript": 0,
        "transcript_segments": 0,
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/v2", 404, "Not found"),
        ("GET", "/api/v2/nonsense", 404, "Not found"),
        ("GET", f"{PATH}/", 404, "Not found"),
        ("GET", f"{PATH}/x/y", 404, "Not found"),
        ("PATCH", PATH, 405, "Method not allowed"),
        ("DELETE", PATH, 405, "Method not allowed"),
    ],
)
async def test_unknown_paths_answer_as_v2_does(
    api: Api, ann: Lvng, method: str, path: str, status: int, error: str
) -> None:
    answer = await api.http.request(method, path, headers=ann.headers)
    assert answer.status_code == status
    assert list(answer.json()) == ["success", "error", "message"]
    assert (answer.json()["success"], answer.json()["error"]) == (False, error)
    assert answer.headers["X-Request-Id"].startswith("req_")
    assert "X-RateLimit-Limit" in answer.headers


async def test_callers_without_credentials_or_scope_are_refused(api: Api, account: Account) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eA=="}):
        answer = await api.http.get(PATH, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "Unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    body = {"user_id": "ann", "scopes": ["voice-api.read_recording"]}
    token = (await api.http.post("/v1/token", headers=account.headers, json=body)).json()["token"]
    reader = Lvng(api, {"Authorization": f"Bearer {token}"})
    assert (await reader.page())["total"] == 0
    answer = await reader.ask("POST", json={"audioUrl": ELSEWHERE})
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")


async def test_a_key_pair_is_a_bearer_too(api: Api, account: Account, ann: Lvng) -> None:
    note = await ann.create(title="Ann's")
    pair = f"{account.key_pair.api_key}:{account.key_pair.api_secret}"
    backend = Lvng(api, {"Authorization": f"Bearer {pair}"})
    assert (await backend.create(title="Ours"))["user_id"] == str(account.id)
    assert await backend.titles() == ["Ours", "Ann's"]
    assert (await backend.ask("DELETE", f"/{note['id']}")).status_code == 200
    wrong = Lvng(api, {"Authorization": f"Bearer {pair}x"})
    assert (await wrong.ask("GET")).json()["error"] == "Unauthorized"
    assert (await api.http.get("/v1/voicenotes", headers=backend.headers)).status_code == 401


async def test_a_crash_and_a_flood_answer_as_v2_does(api: Api, ann: Lvng, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE notes RENAME TO elsewhere"))
    answer = await ann.ask("GET", f"/{new_uuid()}")
    assert answer.status_code == 500
    assert list(answer.json()) == ["success", "error", "message"]
    assert answer.json()["error"] == "Internal server error"
    assert "notes" not in answer.json()["message"]
    while (answer := await api.http.get(PATH)).status_code == 401:
        pass
    assert (answer.status_code, answer.json()["error"]) == (429, "Rate limit exceeded")
    assert int(answer.headers["Retry-After"]) >= 1


async def test_a_body_over_the_limit_is_refused(ann: Lvng) -> None:
    answer = await ann.ask("POST", content=b" " * 300_000)
    assert (answer.status_code, answer.json()["error"]) == (413, "Payload too large")
