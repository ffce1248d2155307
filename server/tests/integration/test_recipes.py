"""The recipes of docs/integrations.md run as they stand there; a server stands in for each service."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.app import NOON
from support.listener import Listener, Received

from vocafuse_server.webhooks.signing import delivery_headers, new_secret

PAGE = Path(__file__).parents[3] / "docs" / "integrations.md"
SECRET = new_secret()
TEXT = "Ship <it> & rest. " * 150  # 2,700 characters.
NOTE = {
    "id": "01980000-0000-7000-8000-000000000000",
    "identity": "user_12345",
    "status": "completed",
    "duration": 32.4,
    "created_at": 1703001568,
    "completed_at": 1703001600,
    "custom_tags": None,
    "uri": "/v1/voicenotes/01980000-0000-7000-8000-000000000000",
    "transcription": {"text": TEXT, "confidence": 0.93, "language": "en"},
}
BODY = json.dumps({"event": "voicenote.transcribed", "timestamp": 1703001600, "voicenote": NOTE}).encode()


def write_recipes(folder: Path) -> None:
    for block in re.findall(r"```python\n(# \w+\.py\n.*?)```", PAGE.read_text(), re.DOTALL):
        (folder / block[2:].partition("\n")[0]).write_text(block)


@contextmanager
def running(recipe: str, folder: Path, **settings: str) -> Generator[str]:
    """The URL of a recipe that runs as its reader starts it."""
    write_recipes(folder)
    process = subprocess.Popen(
        [sys.executable, recipe],
        cwd=folder,
        env={**os.environ, "VOCAFUSE_WEBHOOK_SECRET": SECRET, "PORT": "0", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().rsplit(' ', 1)[1].strip()}/"
    finally:
        process.kill()
        process.communicate()


def deliver(url: str, *, secret: str = SECRET, delivery_id: str = "one") -> int:
    """The answer to a delivery."""
    headers = delivery_headers(
        [secret], BODY, delivery_id=delivery_id, event="voicenote.transcribed", now=NOON
    )
    return httpx2.post(url, content=BODY, headers=headers, timeout=20).status_code


def assert_fits_slack(received: Received) -> None:
    """https://api.slack.com/reference/block-kit/blocks"""
    assert received.headers["Content-Type"] == "application/json"
    message = received.payload
    assert set(message) == {"text", "blocks"}
    section, context = message["blocks"]
    assert (section["type"], section["text"]["type"], context["type"]) == ("section", "mrkdwn", "context")
    assert 0 < len(section["text"]["text"]) <= 3000
    assert section["text"]["text"].startswith("Ship &lt;it&gt; &amp; rest.")
    assert context["elements"] == [{"type": "mrkdwn", "text": message["text"]}]
    assert message["text"] == "Voice note of user_12345, 32 s"


def assert_fits_notion(received: Received) -> None:
    """https://developers.notion.com/reference/post-page"""
    headers = {name.lower(): value for name, value in received.headers.items()}
    assert headers["authorization"] == "Bearer ntn_test"
    assert headers["notion-version"] == "2022-06-28"
    page = received.payload
    assert page["parent"] == {"database_id": "a" * 32}
    assert page["properties"]["Date"] == {"date": {"start": "2023-12-19T15:59:28+00:00"}}
    [title] = page["properties"]["Name"]["title"]
    assert title == {"type": "text", "text": {"content": TEXT[:80]}}
    parts: list[str] = []
    for block in page["children"]:
        assert (block["object"], block["type"]) == ("block", "paragraph")
        [text] = block["paragraph"]["rich_text"]
        assert len(text["text"]["content"]) <= 2000
        parts.append(text["text"]["content"])
    assert "".join(parts) == TEXT


def assert_fits_n8n(received: Received) -> None:
    """Whatever JSON the workflow reads, with the header that it asks for."""
    assert {name.lower(): value for name, value in received.headers.items()}["x-token"] == "chosen"
    expected: dict[str, Any] = {"id": NOTE["id"], "user": "user_12345", "seconds": 32.4, "language": "en"}
    assert received.payload == {**expected, "text": TEXT, "tags": {}}


@pytest.mark.parametrize(
    ("recipe", "setting", "fits", "more"),
    [
        ("slack.py", "SLACK_WEBHOOK_URL", assert_fits_slack, {}),
        (
            "notion.py",
            "NOTION_URL",
            assert_fits_notion,
            {"NOTION_TOKEN": "ntn_test", "NOTION_DATABASE_ID": "a" * 32},
        ),
        ("n8n.py", "N8N_WEBHOOK_URL", assert_fits_n8n, {"N8N_TOKEN": "chosen"}),
    ],
)
def test_a_recipe_sends_what_its_service_takes(
    tmp_path: Path, listener: Listener, recipe: str, setting: str, fits: Any, more: dict[str, str]
) -> None:
    with running(recipe, tmp_path, **{setting: listener.url, **more}) as url:
        assert deliver(url, secret=new_secret()) == 401
        assert listener.received.empty()
        listener.answers.put(500)
        assert deliver(url) == 502
        fits(listener.next())
        assert [deliver(url), deliver(url)] == [200, 200]
        fits(listener.next())
        assert listener.received.empty()
