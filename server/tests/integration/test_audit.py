"""`make audit`: a finding fails, a missing network doesn't."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

AUDIT = Path(__file__).parents[3] / "requirements" / "audit.py"
FINDING: dict[str, object] = {
    "vulns": [
        {
            "id": "GHSA-test-test-test",
            "modified": "2026-01-01T00:00:00Z",
            "published": "2026-01-01T00:00:00Z",
            "details": "It can be told what to do.",
            "affected": [{"package": {"name": "pyjwt", "ecosystem": "PyPI"}, "versions": []}],
        }
    ]
}


@contextmanager
def database_of(vulnerable: str | None) -> Generator[str]:
    """The URL of something that answers as OSV does, and knows of one vulnerable package."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(FINDING if asked["package"]["name"] == vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, AUDIT, "--osv-url", url], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_known_vulnerability_fails() -> None:
    with database_of("pyjwt") as url:
        ran = audit(url)
    assert ran.returncode == 1
    assert "pyjwt 2." in ran.stdout
    assert "1 with known vulnerabilities" in ran.stdout


def test_packages_without_one_pass() -> None:
    with database_of(None) as url:
        ran = audit(url)
    assert ran.returncode == 0, ran
    assert ": 0 with known vulnerabilities" in ran.stdout
    assert int(ran.stdout.split()[1]) > 100


def test_without_a_network_it_says_so_and_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}/v1/query"
    ran = audit(nowhere)
    assert (ran.returncode, ran.stdout.partition(":")[0]) == (0, "Audit SKIPPED")


def test_what_can_not_be_audited_fails() -> None:
    assert audit("no url").returncode == 1
