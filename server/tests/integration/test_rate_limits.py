"""Rate limits as clients meet them: on every answer, and when there are too many."""

from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from support.app import NOON, Account, Api, SettableClock, make_account, running_app
from support.clips import AUDIO

from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.settings import Settings

NOTES = "/v1/voicenotes"


@pytest.fixture
async def account(database: Database) -> Account:
    return await make_account(database, plan=Plan.FREE)


def limits(answer: httpx2.Response) -> tuple[int, int, int]:
    """Limit, remaining, and seconds from noon until all are there again."""
    headers = answer.headers
    return (
        int(headers["X-RateLimit-Limit"]),
        int(headers["X-RateLimit-Remaining"]),
        int(headers["X-RateLimit-Reset"]) - int(NOON.timestamp()),
    )


async def test_a_plan_allows_its_burst_and_then_its_rate(
    api: Api, account: Account, clock: SettableClock
) -> None:
    for left in range(19, -1, -1):
        answer = await api.http.get(NOTES, headers=account.headers)
        assert (answer.status_code, limits(answer)) == (200, (10, left, (20 - left) * 6))
    refused = await api.http.get(NOTES, headers=account.headers)
    assert (refused.status_code, limits(refused)) == (429, (10, 0, 120))
    assert refused.headers["Retry-After"] == "6"
    assert list(refused.json()) == ["success", "error"]
    assert refused.json() == {
        "success": False,
        "error": {
            "code": 4003,
            "name": "RATE_LIMIT_EXCEEDED",
            "type": "RateLimitError",
            "message": "Rate limit exceeded. Try again in 6 seconds.",
            "details": {"retry_after": 6},
            "request_id": refused.headers["X-Request-Id"],
        },
    }
    clock.advance(timedelta(seconds=5))
    assert (
        (await api.http.get(NOTES, headers=account.headers)).json()["error"]["message"].endswith("1 second.")
    )
    clock.advance(timedelta(seconds=1))
    assert (await api.http.get(NOTES, headers=account.headers)).status_code == 200
    assert (await api.http.get(NOTES, headers=account.headers)).status_code == 429


async def test_too_many_requests_do_nothing(api: Api, account: Account) -> None:
    for _ in range(20):
        await api.http.get("/v1/account", headers=account.headers)
    made = await api.http.post("/v1/account/api-keys", headers=account.headers, content=b"{not json")
    assert made.status_code == 429


async def test_each_plan_has_its_rate(
    settings: Settings, database: Database, database_url: str, clock: SettableClock
) -> None:
    enterprise = settings.model_copy(update={"rate_limit_per_minute": 7})
    async with running_app(enterprise, database_url, clock) as api:
        for plan, expected in ((Plan.FREE, (10, 19)), (Plan.PRO, (100, 199)), (Plan.ENTERPRISE, (7, 13))):
            account = await make_account(database, plan=plan)
            assert limits(await api.http.get(NOTES, headers=account.headers))[:2] == expected


async def test_users_and_their_tenant_do_not_use_each_other_up(
    api: Api, account: Account, clock: SettableClock
) -> None:
    clock.now = utc_now()  # PyJWT reads the real time
    made = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "u1"})
    user = {"Authorization": f"Bearer {made.json()['token']}"}
    for _ in range(20):
        assert (await api.http.get(NOTES, headers=user)).status_code == 200
    assert (await api.http.get(NOTES, headers=user)).status_code == 429
    assert limits(await api.http.get(NOTES, headers=account.headers))[1] == 18


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", NOTES, 200),
        ("GET", f"{NOTES}?limit=0", 400),
        ("GET", f"{NOTES}/note_1", 404),
        ("POST", "/v1/token", 400),
        ("POST", "/v1/upload", 400),
        ("GET", "/v1/nonsense", 404),
        ("GET", "/nonsense", 404),
        ("PATCH", NOTES, 405),
        ("PUT", "/v1/uploads/note_1", 401),
        ("OPTIONS", NOTES, 200),
    ],
)
async def test_every_answer_has_the_headers(
    api: Api, account: Account, method: str, path: str, status: int
) -> None:
    cors = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answer = await api.http.request(method, path, headers={**account.headers, **cors})
    assert answer.status_code == status
    limit, remaining, reset = limits(answer)
    assert (limit, remaining) in {(10, 19), (100, 199), (100, 200)}
    assert 0 <= reset <= 6
    exposed = (await api.http.get(NOTES, headers={**account.headers, **cors})).headers
    assert "X-RateLimit-Remaining" in exposed["Access-Control-Expose-Headers"]


async def test_a_crash_and_a_lack_of_scope_count(api: Api, account: Account, database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text("UPDATE api_keys SET scopes = ARRAY['voicenotes:read']"))
        await session.execute(text("ALTER TABLE notes RENAME TO elsewhere"))
    a_note = f"{NOTES}/0190b7a0-0000-7000-8000-000000000000"
    for path, status, left in ((a_note, 500, 19), ("/v1/webhooks", 403, 18)):
        answer = await api.http.get(path, headers=account.headers)
        assert (answer.status_code, limits(answer)[:2]) == (status, (10, left))


async def test_strangers_are_refused_and_then_told_to_wait(
    settings: Settings, database_url: str, account: Account, clock: SettableClock
) -> None:
    strict = settings.model_copy(update={"rate_limit_strangers_per_minute": 2})
    wrong = {**account.headers, "X-VocaFuse-API-Secret": "guess", "Origin": "https://app.example.com"}
    async with running_app(strict, database_url, clock) as api:
        for left in (3, 2, 1):
            answer = await api.http.get(NOTES, headers=wrong)
            assert (answer.status_code, limits(answer)) == (401, (2, left, (4 - left) * 30))
        assert (await api.http.get("/v1/nonsense")).status_code == 404
        for path, headers in ((NOTES, wrong), (NOTES, {}), ("/v1/nonsense", wrong)):
            answer = await api.http.get(path, headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
            assert answer.json()["error"]["details"] == {"retry_after": 30}
            assert answer.json()["error"]["request_id"] == answer.headers["X-Request-Id"]
            assert limits(answer) == (2, 0, 120)
            assert ("Access-Control-Allow-Origin" in answer.headers) == (headers == wrong)
        # Whoever has credentials is served all the same, and so are health checks.
        assert (await api.http.get(NOTES, headers=account.headers)).status_code == 200
        assert (await api.http.get("/healthz")).status_code == 200
        clock.advance(timedelta(seconds=30))
        assert (await api.http.get(NOTES, headers=wrong)).status_code == 401


async def test_an_upload_to_a_signed_url_counts_once(
    tmp_path: Path, database_url: str, account: Account, clock: SettableClock
) -> None:
    settings = Settings(data_dir=tmp_path, rate_limit_strangers_per_minute=1)
    async with running_app(settings, database_url, clock) as api:
        for _ in range(5):
            made = await api.http.post("/v1/upload", headers=account.headers, json={"file_name": "a.wav"})
            audio = (AUDIO / "whats-the-weather-like.wav").read_bytes()
            put = await api.http.put(made.json()["presigned_url"], content=audio)
            assert (put.status_code, limits(put)) == (200, (1, 2, 0))
        assert limits(await api.http.get(NOTES, headers=account.headers))[1] == 14


async def test_health_checks_are_not_of_the_api(api: Api) -> None:
    for path in ("/healthz", "/openapi.json"):
        assert "X-RateLimit-Limit" not in (await api.http.get(path)).headers
