"""What the documentation says to type, typed: each page's blocks in their order, beside the running server.

A reader puts in their own addresses and keys; `_filled_in` does so here. `project/tests/test_code_blocks.py`
holds the list of what is not run.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.clips import AUDIO
from support.listener import Listener
from support.running_server import Server

from project.code_blocks import REPOSITORY, CodeBlock, blocks_of, pages
from vocafuse import AccessToken

pytestmark = pytest.mark.xdist_group("e2e")

TESTS = Path(__file__).parents[1]
PAGES = {page: [block for block in blocks_of(page) if block.is_run] for page in pages()}
# Their Python needs more around it than a running server.
PYTHON_ELSEWHERE = {
    "docs/integrations.md": "integration/test_recipes.py, e2e/test_openai.py",
    "sdk/python/README.md": "e2e/test_client_library.py",
}
TIMEOUT_S = 60


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """What the documentation calls example.com: it has a recording."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(AUDIO))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A reader's folder: a clone of the repository, and recordings of their own."""
    for name in (".venv", "server", "sdk"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "recordings").mkdir()
    for name in ("meeting.m4a", "note.m4a", "recordings/first.m4a"):
        (tmp_path / name).symlink_to(AUDIO / "iphone-voice-memo.m4a")
    for name in ("note.wav", "recordings/second.wav"):
        (tmp_path / name).symlink_to(AUDIO / "whats-the-date-today.wav")
    return tmp_path


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_what_a_page_says_can_be_typed(
    page: str, server: Server, folder: Path, site: str, listener: Listener
) -> None:
    environment = _environment(server)
    filled_in = partial(_filled_in, server=server, site=site, hook=listener.url)
    blocks = [block for block in PAGES[page] if block.language != "python" or page not in PYTHON_ELSEWHERE]
    assert blocks
    for block in _runs(blocks):
        command = [sys.executable, "-"] if block.language == "python" else ["sh", "-eu"]
        done = subprocess.run(
            command,
            input=filled_in(block.code),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{block.place}\n{done.stdout}{done.stderr}"
        assert '"error"' not in done.stdout, f"{block.place}\n{done.stdout}"


def test_what_is_run_elsewhere_is_run_there() -> None:
    for page, files in PYTHON_ELSEWHERE.items():
        name = page.rpartition("/")[2]
        assert all(name in (TESTS / file).read_text() for file in files.split(", "))


def test_the_receiver_takes_what_the_server_sends(
    server: Server, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, *_ = PAGES["docs/receiving-webhooks.md"]
    names: dict[str, Any] = {"__name__": __name__}
    exec(receiver.code, names)  # what the page has its readers write
    with server.client() as client, names["app"].test_client() as receiving:
        webhook = client.webhooks.create(url=listener.url, events=["voicenote.transcribed"])
        monkeypatch.setenv("VOCAFUSE_WEBHOOK_SECRET", str(webhook["secret"]))
        client.voicenotes.upload(AUDIO / "whats-the-date-today.wav")
        sent = listener.next()
        headers = {name: value for name, value in sent.headers.items() if name.startswith("X-VocaFuse")}
        taken = receiving.post("/hook", data=sent.body, headers=headers, content_type="application/json")
        assert (taken.status_code, taken.json) == (200, {"status": "received"})
        forged = receiving.post("/hook", data=sent.body + b" ", headers=headers)
        assert forged.status_code == 401
        client.webhooks(webhook.id).delete()


def _runs(blocks: list[CodeBlock]) -> list[CodeBlock]:
    """Python goes on from block to block of a page, as readers expect; each block of shell is by itself."""
    python = [block for block in blocks if block.language == "python"]
    code = "\n".join(block.code for block in python)
    joined = [CodeBlock(python[0].page, python[0].line, "python", code, None)] if python else []
    return [*joined, *(block for block in blocks if block.language == "sh")]


def _environment(server: Server) -> dict[str, str]:
    known = server.credentials
    token = AccessToken(
        api_key=known["api_key"],
        api_secret=known["api_secret"],
        identity="user_12345",
        base_url=known["base_url"],
    )
    with server.client() as client:
        note = client.voicenotes.wait(client.voicenotes.upload(AUDIO / "whats-the-date-today.wav").id)
    return {
        **server.environment,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KEY": known["api_key"],
        "SECRET": known["api_secret"],
        "TOKEN": token()["token"],
        "ID": note.id,
        "VOCAFUSE_WEBHOOK_SECRET": "whsec_dGVzdA==",
    }


def _filled_in(code: str, *, server: Server, site: str, hook: str) -> str:
    known = server.credentials
    for written, meant in (
        ("https://example.com/hook", hook),
        ("https://example.com/retro.webm", f"{site}/whats-the-weather-like.wav"),
        ("http://127.0.0.1:8000", server.origin),
        ("https://notes.example.com", server.origin),
        ("https://voice.example.com", server.origin),
        ("sk_live_…:…", f"{known['api_key']}:{known['api_secret']}"),
        ('api_key="sk_live_..."', f'api_key="{known["api_key"]}"'),
        ('api_secret="..."', f'api_secret="{known["api_secret"]}"'),
    ):
        code = code.replace(written, meant)
    return code
