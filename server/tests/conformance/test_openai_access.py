"""OpenAI's reference: who may ask, what errors look like, and which models there are."""

from datetime import timedelta
from typing import Any

import pytest
from support.app import SettableClock
from support.clips import AUDIO

from conformance.promises import promise
from conformance.service import SPOKEN, ApiUser, Service
from vocafuse_server.accounts.models import Plan

pytestmark = pytest.mark.xdist_group("openai")

PATH = "/v1/audio/transcriptions"
MODELS = "/v1/models"
ACCESS, ERRORS, TRACING = "Authentication", "Error codes", "Debugging requests"
LIST, RETRIEVE = "List models", "Retrieve model"


async def error_of(user: ApiUser, status: int) -> dict[str, Any]:
    """The error that a clip is answered with."""
    files = {"file": (SPOKEN, (AUDIO / SPOKEN).read_bytes())}
    return await user.refused("POST", PATH, status, files=files, data={"model": "whisper-1"})


@promise(
    "openai",
    ACCESS,
    "`Authorization: Bearer` with the API key",
    deviation="the key is `<api_key>:<api_secret>`, or an access token",
)
async def test_bearer(user: ApiUser) -> None:
    for caller in (user.with_one_key(), await user.token()):
        assert [model["id"] for model in (await caller.get(MODELS))["data"]] == ["whisper-base", "whisper-1"]


@promise("openai", ACCESS, "Headers that name an organization or a project don't matter to whom has neither")
async def test_organization(user: ApiUser) -> None:
    named = {"OpenAI-Organization": "org-1", "OpenAI-Project": "proj-1"}
    assert (await user.with_one_key().call("GET", MODELS, headers=named)).status_code == 200


@promise("openai", ERRORS, "401 without a key, or with a wrong one: `invalid_api_key`")
async def test_errors_of_keys(user: ApiUser) -> None:
    wrong = {"Authorization": f"{user.with_one_key().headers['Authorization']}x"}
    for headers in (wrong, {"Authorization": "Bearer sk-proj-of-openai:x"}, {}):
        error = await error_of(ApiUser(user.http, headers), 401)
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")


@promise(
    "openai",
    ERRORS,
    "403 where the API may not be used",
    deviation="it is for keys and tokens that may not both upload and read",
)
async def test_errors_of_scopes(user: ApiUser) -> None:
    for scope in ("voicenotes:read", "voicenotes:write"):
        error = await error_of((await user.with_scopes(scope)).with_one_key(), 403)
        assert (error["type"], error["code"]) == ("invalid_request_error", "insufficient_scope")


@promise("openai", ERRORS, "400 with what is wrong, and in `param` the field that it is about")
async def test_errors_of_requests(user: ApiUser) -> None:
    error = await user.with_one_key().refused("POST", PATH, 400, data={"model": "whisper-1"})
    assert error == {
        "message": "file is required in the form",
        "type": "invalid_request_error",
        "param": "file",
        "code": "invalid_request",
    }


@promise("openai", ERRORS, "429 above the rate limit, with `Retry-After`; then the request is served")
async def test_errors_of_rates(service: Service, clock: SettableClock) -> None:
    free = (await service.new_user(plan=Plan.FREE)).with_one_key()
    for _ in range(20):
        await free.get(MODELS)
    answer = await free.call("GET", MODELS)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (429, "requests", "rate_limit_exceeded")
    clock.advance(timedelta(seconds=int(answer.headers["Retry-After"])))
    await free.get(MODELS)


@promise("openai", ERRORS, "503 while nobody can transcribe, with `Retry-After`")
async def test_errors_of_the_service(user: ApiUser) -> None:
    error = await error_of(user.with_one_key(), 503)
    assert (error["type"], error["code"], error["param"]) == ("server_error", "service_unavailable", None)


@promise("openai", TRACING, "`x-request-id` on every answer")
async def test_request_ids(user: ApiUser) -> None:
    answers = [await user.with_one_key().call("GET", path) for path in (MODELS, f"{MODELS}/gpt", PATH)]
    assert [answer.status_code for answer in answers] == [200, 404, 405]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


@promise(
    "openai",
    TRACING,
    "`x-ratelimit-limit-requests`, `-remaining-requests` and `-reset-requests`",
    deviation="the headers of v1: `X-RateLimit-Limit`, `-Remaining` and `-Reset`",
)
async def test_rate_limit_headers(user: ApiUser) -> None:
    headers = (await user.with_one_key().call("GET", MODELS)).headers
    assert all(headers[f"X-RateLimit-{name}"].isdigit() for name in ("Limit", "Remaining", "Reset"))


@promise(
    "openai",
    LIST,
    "A list of models with `id`, `object`, `created` and `owned_by`",
    deviation="the one model by its name and as `whisper-1`; `created` is the day that Whisper was published",
)
async def test_models(user: ApiUser) -> None:
    listed = await user.with_one_key().get(MODELS)
    assert listed["object"] == "list"
    assert listed["data"] == [
        {"id": name, "object": "model", "created": 1663718400, "owned_by": "vocafuse"}
        for name in ("whisper-base", "whisper-1")
    ]


@promise("openai", RETRIEVE, "One of them by its `id`; of any other 404, `model_not_found`")
async def test_model(user: ApiUser) -> None:
    client = user.with_one_key()
    assert (await client.get(f"{MODELS}/whisper-1"))["id"] == "whisper-1"
    assert (await client.refused("GET", f"{MODELS}/gpt-4o-transcribe", 404))["code"] == "model_not_found"
