"""Schemathesis drives the running server by its own description, with all its checks."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.running_server import Server

COMMAND = [str(Path(sys.executable).with_name("schemathesis"))]
CONFIG = Path(__file__).with_name("schemathesis.toml")
MAX_SECONDS = 240


@pytest.fixture
def unlimited_server(tmp_path: Path, small_model: str) -> Iterator[Server]:
    """A server of its own: thousands of calls come, and what they leave behind is in nobody's way."""
    server = Server(
        tmp_path / "data",
        VOCAFUSE_MODEL=small_model,
        VOCAFUSE_RATE_LIMIT_PER_MINUTE="1000000",
        VOCAFUSE_RATE_LIMIT_STRANGERS_PER_MINUTE="1000000",
    )
    try:
        server.start()
        yield server
        assert server.stop() == 0
    finally:
        server.close()


def test_the_description_is_true(unlimited_server: Server, tmp_path: Path) -> None:
    headers = [f"--header={name}:{value}" for name, value in unlimited_server.key_headers.items()]
    run = subprocess.run(
        [
            *COMMAND,
            f"--config-file={CONFIG}",
            "run",
            f"{unlimited_server.origin}/openapi.json",
            "--checks=all",
            "--seed=1",
            "--max-examples=10",
            "--no-color",
            *headers,
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(CONFIG.parent),
        },
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2000:]
    assert all(f"✅  {phase}" in run.stdout for phase in ("Coverage", "Fuzzing", "Stateful"))
