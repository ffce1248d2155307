"""What browsers are told, and what they then let a hostile page do."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.app import Account, Api, SettableClock, running_app
from support.clips import AUDIO
from support.published import assert_is_secured
from support.wire import exchange, request_bytes, served

from vocafuse_server.app import create_app
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.documentation import DOCS_PATHS

HSTS = "strict-transport-security"
ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


@pytest.fixture
async def port(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[int]:
    async with served(create_app(settings, database_url, clock=clock), settings) as port:
        yield port


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/v1/voicenotes", "/healthz", "/metrics", "/openapi.json", "/nonsense")),
        *(("GET", path) for path in sorted(DOCS_PATHS)),
        ("OPTIONS", "/v1/upload"),
        ("PATCH", "/v1/upload"),
    ],
)
async def test_every_answer_is_secured(api: Api, account: Account, method: str, path: str) -> None:
    for headers in (account.headers, {}, PREFLIGHT):
        answer = await api.http.request(method, path, headers=headers)
        assert_is_secured(answer.headers)
        assert HSTS not in answer.headers


async def test_what_is_no_http_is_answered_with_the_same_headers(port: int) -> None:
    assert_is_secured((await exchange(port, b"nonsense\r\n\r\n")).headers)


@pytest.mark.parametrize(("scheme", "told"), [(b"https", True), (b"http", False)])
async def test_https_is_asked_for_only_where_it_is(port: int, scheme: bytes, told: bool) -> None:
    request = request_bytes("GET", b"/healthz", [(b"X-Forwarded-Proto", scheme)])
    assert (HSTS in (await exchange(port, request)).headers) is told


async def test_a_page_runs_what_this_server_sends_and_nothing_else(api: Api) -> None:
    page = await api.http.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {f"/{path}" for path in loaded} == DOCS_PATHS - {"/docs"}
    for path in loaded:
        assert (await api.http.get(f"/{path}")).status_code == 200
    assert "<script>" not in page.text
    assert " style=" not in page.text


async def test_a_page_may_send_recordings_to_the_public_address(
    tmp_path: Path, database_url: str, clock: SettableClock
) -> None:
    settings = Settings(data_dir=tmp_path, public_url="https://notes.example.com/under")
    async with running_app(settings, database_url, clock) as api:
        policy = (await api.http.get("/docs")).headers["content-security-policy"]
    assert "connect-src 'self' https://notes.example.com;" in policy


async def test_the_documentation_is_drawn_by_a_browser_without_a_network(port: int, tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert browser, "this test needs Chromium"
    process = await asyncio.create_subprocess_exec(
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"),
        *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--virtual-time-budget=15000"),
        *("--enable-logging=stderr", "--v=0", "--dump-dom", f"http://127.0.0.1:{port}/docs"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    dom, said = await asyncio.wait_for(process.communicate(), 60)
    assert b"/v1/voicenotes/{note_id}" in dom
    assert b"Content Security Policy" not in said


async def test_credentials_of_browsers_are_never_asked_for(api: Api, account: Account) -> None:
    """Cookies and the like are not sent by scripts of other pages, since no answer allows it."""
    for headers in (PREFLIGHT, {**account.headers, "Origin": ORIGIN}):
        method = "OPTIONS" if headers is PREFLIGHT else "GET"
        answer = await api.http.request(method, "/v1/voicenotes", headers=headers)
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert "set-cookie" not in answer.headers


async def test_pages_of_other_origins_than_the_settings_name_can_not_call(
    tmp_path: Path, database_url: str, clock: SettableClock, account: Account
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "cors_origins": f"{ORIGIN}, http://[::1]:3000"})
    async with running_app(settings, database_url, clock) as api:
        for origin, allowed in (
            (ORIGIN, ORIGIN),
            ("https://app.example.com.evil.test", None),
            ("null", None),
        ):
            for method, headers in (("OPTIONS", PREFLIGHT), ("GET", account.headers)):
                answer = await api.http.request(
                    method, "/v1/voicenotes", headers={**headers, "Origin": origin}
                )
                assert answer.status_code == 200
                assert answer.headers.get("access-control-allow-origin") == allowed
                assert "access-control-allow-credentials" not in answer.headers


PAGE = b"<!doctype html><html><script>alert(document.domain)</script></html>"


async def test_a_page_that_pretends_to_be_audio_is_refused(api: Api, account: Account) -> None:
    for name, kind in (("note.wav", "audio/wav"), ("note.html", "text/html"), ("note.svg", "image/svg+xml")):
        answer = await api.http.post(
            "/v1/voicenotes", headers=account.headers, files={"file": (name, PAGE, kind)}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2005)


async def test_audio_that_is_a_page_as_well_is_never_shown_as_one(api: Api, account: Account) -> None:
    clip = (AUDIO / "whats-the-weather-like.wav").read_bytes()
    made = await api.http.post(
        "/v1/voicenotes",
        headers=account.headers,
        files={"file": ("note.html", clip[:12] + PAGE + clip, "text/html")},
    )
    assert made.status_code == 201, made.text
    answer = await api.http.get(f"{made.json()['uri']}/audio", headers=account.headers)
    assert PAGE in answer.content
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"].split("; ")
