"""A real HTTP server with S3's API, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from support.ports import free_port
from support.waiting import wait_until

BUCKET = "voice-notes"
# By itself: what it depends on goes with nothing of ours.
_PACKAGES = Path(sys.prefix) / "s3"


@dataclass(frozen=True)
class S3:
    """A bucket on it.

    Attributes:
        url: For VOCAFUSE_STORAGE_URL.
        environment: How the server finds the bucket and signs its requests.
    """

    origin: str
    url: str
    environment: dict[str, str]

    def stored(self) -> set[str]:
        """The objects that are there, without the prefix."""
        listing = httpx2.get(f"{self.origin}/{BUCKET}?list-type=2").text
        return {part.partition("</Key>")[0].removeprefix("audio/") for part in listing.split("<Key>")[1:]}


@contextmanager
def s3_server(log: Path) -> Generator[S3]:
    """The server with an empty bucket, while the block runs."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            env={**os.environ, "PYTHONPATH": str(_PACKAGES)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def makes_bucket() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            return httpx2.put(f"{origin}/{BUCKET}").status_code == 200
        except httpx2.TransportError:
            return False

    try:
        wait_until(makes_bucket, within_s=60)
        yield S3(
            origin,
            f"s3://{BUCKET}/audio",
            {
                "AWS_ENDPOINT_URL": origin,
                "AWS_ALLOW_HTTP": "true",
                "AWS_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
            },
        )
    finally:
        process.kill()
        process.wait()
