"""The watch over all logs finds what it is there for: a session in which secrets are logged fails."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CONFTEST = """
import pytest
from support.secret_watch import watching


@pytest.fixture(scope="session", autouse=True)
def _watch(tmp_path_factory):
    with watching(tmp_path_factory.getbasetemp()):
        yield
"""
SESSION = """
import logging
import httpx2, structlog
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

SECRET = "a-secret-of-the-customers-own-choice"
API_SECRET = "kPq3v7Xw0Zt5Ry8Nb2Mc4Ld6Jf1Hg9Sa"


async def answer(request):
    return JSONResponse({"webhook": {"secret": SECRET}})


async def test_it(tmp_path):
    app = Starlette(routes=[Route("/", answer)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://a.test") as http:
        await http.get("/", headers={"X-VocaFuse-API-Secret": API_SECRET})
    LEAKS
"""
LEAKS = (
    ('structlog.get_logger().info("made", body=f"<{SECRET}>")', "session.log:1: is a secret"),
    ('logging.getLogger("library").warning("sent %s", API_SECRET)', "session.log:2: is a secret"),
    (
        'structlog.get_logger().warning("a?signature=" + "0123456789abcdef" * 4)',
        "session.log:3: looks like a secret",
    ),
    ('(tmp_path / "server.log").write_text("one\\n" + SECRET)', "server.log:2: is a secret"),
)
TESTS = Path(__file__).parents[1]


def run_session(*leaks: str) -> subprocess.CompletedProcess[str]:
    # Not below this session's own folder, whose logs are looked through as well.
    with TemporaryDirectory() as folder:
        (Path(folder) / "conftest.py").write_text(CONFTEST)
        (Path(folder) / "test_session.py").write_text(SESSION.replace("LEAKS", "\n    ".join(leaks)))
        return subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
                *("-o", "asyncio_mode=auto", f"--rootdir={folder}", f"--basetemp={folder}/tmp", folder),
            ],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )


def test_a_session_whose_logs_hold_secrets_fails() -> None:
    ran = run_session(*(leak for leak, _ in LEAKS))
    assert ran.returncode == 1
    for _, told in LEAKS:
        assert told in ran.stdout, ran.stdout


def test_a_session_without_secrets_in_its_logs_passes() -> None:
    ran = run_session('structlog.get_logger().info("made", note_id="0192")', 'logging.warning("all is well")')
    assert ran.returncode == 0, ran.stdout
