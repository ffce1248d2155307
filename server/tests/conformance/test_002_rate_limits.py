"""Document 002: rate limits."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from support.app import SettableClock, running_app

from conformance.examples import assert_same_form, example
from conformance.promises import promise
from conformance.service import ApiUser, Service
from vocafuse import RateLimitError
from vocafuse_server.accounts.models import Plan

PATH = "/v1/webhooks"
HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


async def use_up(user: ApiUser, requests: int) -> None:
    for _ in range(requests):
        assert (await user.call("GET", PATH)).status_code == 200


@promise("002", "Rate Limits", "Free: 10 requests a minute, 20 at once")
async def test_limits_of_free(service: Service, clock: SettableClock) -> None:
    await assert_plan(service, clock, Plan.FREE, per_minute=10, burst=20)


@promise("002", "Rate Limits", "Pro: 100 requests a minute, 200 at once")
async def test_limits_of_pro(service: Service, clock: SettableClock) -> None:
    await assert_plan(service, clock, Plan.PRO, per_minute=100, burst=200)


async def assert_plan(
    service: Service, clock: SettableClock, plan: Plan, *, per_minute: int, burst: int
) -> None:
    user = await service.new_user(plan=plan)
    await use_up(user, burst)
    await user.refused("GET", PATH, 429)
    clock.advance(timedelta(minutes=1))
    await use_up(user, per_minute)
    await user.refused("GET", PATH, 429)


@promise("002", "Rate Limits", "Enterprise: as agreed, by the setting `VOCAFUSE_RATE_LIMIT_PER_MINUTE`")
async def test_limits_of_enterprise(service: Service, user: ApiUser) -> None:
    settings = service.api.context.settings.model_copy(update={"rate_limit_per_minute": 3})
    async with running_app(settings, service.database_url, service.clock) as api:
        user = replace(user, http=api.http)
        await use_up(user, 6)
        await user.refused("GET", PATH, 429)


@promise("002", "Rate Limit Headers", "Every answer has them, errors included")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/voicenotes", 200),
        ("POST", "/v1/upload", 400),
        ("GET", "/v1/voicenotes/unknown", 404),
        ("GET", "/v1/unknown", 404),
        ("PATCH", "/v1/voicenotes", 405),
        ("DELETE", "/v1/webhooks/unknown", 404),
    ],
)
async def test_headers_on_every_answer(user: ApiUser, method: str, path: str, status: int) -> None:
    answer = await user.call(method, path)
    assert answer.status_code == status
    assert all(answer.headers[name].isdigit() for name in HEADERS)


@promise("002", "Rate Limit Headers", "`X-RateLimit-Limit` is the number of requests per minute, 100 on Pro")
async def test_headers_limit(service: Service) -> None:
    pro = await service.new_user(plan=Plan.PRO)
    assert (await pro.call("GET", PATH)).headers["X-RateLimit-Limit"] == "100"


@promise(
    "002",
    "Rate Limit Headers",
    "`X-RateLimit-Remaining` is the number of requests that are left",
    deviation="counts what may be asked at once, the burst included, so it can exceed the limit per minute",
)
async def test_headers_remaining(service: Service) -> None:
    pro = await service.new_user(plan=Plan.PRO)
    left = [(await pro.call("GET", PATH)).headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert left == ["199", "198", "197"]


@promise("002", "Rate Limit Headers", "`X-RateLimit-Reset` is the epoch second at which all are there again")
async def test_headers_reset(service: Service, clock: SettableClock) -> None:
    free = await service.new_user(plan=Plan.FREE)
    await use_up(free, 4)
    answer = await free.call("GET", PATH)
    reset = int(answer.headers["X-RateLimit-Reset"])
    assert reset == int(clock().timestamp()) + 30
    clock.advance(timedelta(seconds=30))
    assert (await free.call("GET", PATH)).headers["X-RateLimit-Remaining"] == "19"


@promise(
    "002",
    "Rate Limit Error",
    "The example: 429 with `success` false, code 4003, and `details.retry_after`",
    deviation="`name` and `request_id` are added, as to all errors, and `type` comes before `message`",
)
async def test_error_is_like_the_example(service: Service) -> None:
    free = await service.new_user(plan=Plan.FREE)
    await use_up(free, 20)
    answer = await free.call("GET", PATH)
    assert answer.status_code == 429
    body, shown = answer.json(), example("002_rate_limit_error")
    assert list(body) == list(shown)
    assert_same_form(
        {name: shown["error"][name] for name in body["error"] if name in shown["error"]},
        body["error"],
        added={"name", "request_id"},
    )
    wait = str(body["error"]["details"]["retry_after"])
    assert body["success"] is False
    assert body["error"]["code"] == shown["error"]["code"]
    assert body["error"]["message"] == shown["error"]["message"].replace("60", wait)
    assert answer.headers["Retry-After"] == wait


@promise("002", "Handling Rate Limits", "After `retry_after` seconds the same request is served")
async def test_handling_by_waiting(service: Service, clock: SettableClock) -> None:
    free = await service.new_user(plan=Plan.FREE)
    await use_up(free, 20)
    error = await free.refused("GET", PATH, 429)
    clock.advance(timedelta(seconds=error["details"]["retry_after"]))
    await use_up(free, 1)


@promise("002", "Handling Rate Limits", "The client library raises `RateLimitError` with `retry_after`")
async def test_handling_by_the_client_library(service: Service) -> None:
    free = await service.new_user(plan=Plan.FREE)
    await use_up(free, 20)
    with service.client(free, max_retries=0) as client, pytest.raises(RateLimitError) as limited:
        await asyncio.to_thread(client.voicenotes.list)
    assert limited.value.retry_after == 6
