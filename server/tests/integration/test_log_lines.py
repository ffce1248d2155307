"""A log line is one line, whatever strangers send."""

import json
import subprocess
import sys

import pytest

HOSTILE = "/v1/a\n2026-01-01 [error    ] database lost\r\x1b[2J\x1b[31mred\x07\x9b1m\u2028\u202eend\x85"
PROGRAM = """
import logging, sys
from vocafuse_server.core.logging import configure_logging, get_logger
from vocafuse_server.core.settings import Settings
configure_logging(Settings(log_format=sys.argv[1]))
hostile = sys.stdin.read()
log = get_logger("test")
log.info("request", method="GET", path=hostile, status=404, duration_ms=1.0)
log.warning(hostile, user_agent=hostile)
logging.getLogger("library").warning("not understood: %s", hostile)
"""


def lines_of(log_format: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], input=HOSTILE.encode(), capture_output=True, check=True
    )
    assert b"\r" not in ran.stderr
    return ran.stderr.decode().removesuffix("\n").split("\n")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nobody_adds_lines_or_commands_for_a_terminal(log_format: str) -> None:
    lines = lines_of(log_format)
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines), lines
    assert all("database lost" in line for line in lines)


def test_json_holds_what_was_sent() -> None:
    assert json.loads(lines_of("json")[0])["path"] == HOSTILE
