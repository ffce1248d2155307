"""How many requests a second getting one note takes, beside a route that only returns a constant.

`GET /v1/voicenotes/{id}` of a `vocafuse-server up`, with its authentication, rate limit, database, request
log and metrics, takes turns with a FastAPI route that returns a dict of the very same content. Both run in
one uvicorn process with uvloop and httptools; `wrk` (a Debian package) asks both in the same way. It runs on
the same cores, as do Postgres and the worker, which are the server's own. Every ratio is of one round.

    python -m bench.requests [--rounds 5] [--seconds 6] [--connections 16] [--json]

The bars: 35 % of the constant's requests per second; and with half of its own most requests per second, 99 of
100 requests within 50 ms.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
import uvicorn
from fastapi import FastAPI

from bench.server import running_server

SAMPLE = Path(__file__).parents[1] / "server/src/vocafuse_server/samples/voice-note.wav"
SHARE_BAR, P99_BAR_MS = 0.35, 50.0
_UNLIMITED_PER_MINUTE = "60000000"  # The limit is counted, and never reached.
_FLOOR_BODY = "BENCH_BODY"
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
# Connections that each wait at random between two requests, so that their mean makes the wanted rate.
_PACED = """
math.randomseed({seed})
function delay() return math.random(0, {twice_mean_ms}) end
"""


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw."""

    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Round:
    """The turns of one round, one after another."""

    constant: Load
    ours: Load
    ours_at_half: Load

    @property
    def share(self) -> float:
        return self.ours.per_second / self.constant.per_second


@dataclass(frozen=True)
class Target:
    url: str
    headers: Mapping[str, str]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--seconds", type=int, default=6, help="of each turn")
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This takes wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="vocafuse-bench-") as folder:
        rounds = measure(Path(folder) / "data", chosen.rounds, chosen.seconds, chosen.connections)
    print(json.dumps([asdict(one) for one in rounds], indent=2) if chosen.json else readable(rounds))


def measure(data_dir: Path, rounds: int, seconds: int, connections: int) -> list[Round]:
    """Both sides in turn, after a turn of each that does not count."""
    with (
        running_server(data_dir, VOCAFUSE_RATE_LIMIT_PER_MINUTE=_UNLIMITED_PER_MINUTE) as server,
        httpx2.Client() as http,
    ):
        note = server.client.voicenotes.upload(SAMPLE, custom_tags={"jobId": "job_123"}, user_id="user_1")
        note = server.client.voicenotes.wait(note.id)
        known = server.credentials
        keys = {"X-VocaFuse-API-Key": known["api_key"], "X-VocaFuse-API-Secret": known["api_secret"]}
        ours = Target(f"{known['base_url']}/voicenotes/{note.id}", keys)
        body = http.get(ours.url, headers=keys).raise_for_status().text
        with constant_route(body) as url:
            constant = Target(url, keys)
            if http.get(url).json() != json.loads(body):
                raise SystemExit("The constant is not what it should be.")
            for target in (constant, ours):
                load(target, seconds=2, connections=connections)
            return [one_round(constant, ours, seconds, connections, seed) for seed in range(1, rounds + 1)]


def one_round(constant: Target, ours: Target, seconds: int, connections: int, seed: int) -> Round:
    floor = load(constant, seconds=seconds, connections=connections)
    full = load(ours, seconds=seconds, connections=connections)
    many = 4 * connections
    mean_ms = many / (full.per_second / 2) * 1000
    paced = _PACED.format(seed=seed, twice_mean_ms=round(2 * mean_ms))
    return Round(floor, full, load(ours, seconds=seconds, connections=many, script=paced))


def load(target: Target, *, seconds: int, connections: int, script: str = "") -> Load:
    """Ask for so many seconds, each connection again as soon as it is answered, or as the script says."""
    headers = [f"--header={name}: {value}" for name, value in target.headers.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        # Its own two seconds would count who waits between two requests.
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", "--latency"]
        told = subprocess.run(
            [*command, "-s", file.name, *headers, target.url], capture_output=True, text=True, check=True
        ).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"Not all requests were answered:\n{told}")
    median_ms, p99_ms = (_figure(rf"{percent}%\s+([\d.]+)(\w+)", told) for percent in (50, 99))
    return Load(_figure(r"Requests/sec:\s+([\d.]+)()", told), median_ms, p99_ms)


def _figure(pattern: str, told: str) -> float:
    found = re.search(pattern, told)
    if found is None:
        raise SystemExit(f"wrk said something else:\n{told}")
    return float(found[1]) * _MS.get(found[2], 1.0)


@contextmanager
def constant_route(body: str) -> Generator[str]:
    """The URL of a process that answers with `body`, made of a dict each time, while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.requests", "serve-constant"],
        env={**os.environ, _FLOOR_BODY: body},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            if process.stderr is None:
                raise RuntimeError("the process has no stderr")
            lines = iter(process.stderr.readline, "")
            found = next((match for line in lines if (match := re.search(r"running on (\S+)", line))), None)
            if found is None:
                raise SystemExit("The constant route did not start.")
            yield f"{found[1]}/constant"
        finally:
            process.terminate()


def serve_constant() -> None:
    app = FastAPI()
    constant = json.loads(os.environ[_FLOOR_BODY])

    async def route() -> dict[str, object]:
        return constant

    app.get("/constant", response_model=None)(route)
    uvicorn.run(app, host="127.0.0.1", port=0, loop="uvloop", http="httptools", access_log=False)


def readable(rounds: list[Round]) -> str:
    median = {
        name: statistics.median(values)
        for name, values in {
            "constant": [one.constant.per_second for one in rounds],
            "ours": [one.ours.per_second for one in rounds],
            "share": [one.share for one in rounds],
            "half": [one.ours_at_half.per_second for one in rounds],
            "p99": [one.ours_at_half.p99_ms for one in rounds],
        }.items()
    }
    shares = ", ".join(f"{one.share:.1%}" for one in rounds)
    half, p99_ms = median["half"], median["p99"]
    return "\n".join(
        (
            f"Medians of {len(rounds)} rounds; wrk and Postgres share the {os.cpu_count()} cores",
            f"  a constant dict                {median['constant']:8.0f} requests/s",
            f"  GET /v1/voicenotes/{{id}}        {median['ours']:8.0f} requests/s",
            f"  share                          {median['share']:8.1%}   bar {SHARE_BAR:.0%}; {shares}",
            f"  p99 at {half:5.0f} requests/s       {p99_ms:8.1f} ms   bar {P99_BAR_MS:.0f} ms",
        )
    )


if __name__ == "__main__":
    serve_constant() if "serve-constant" in sys.argv else main()
