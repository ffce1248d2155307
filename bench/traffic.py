"""Mixed traffic from many tenants, by `wrk`: each kind of request has connections of its own."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.requests import Load, Target, load

# Lua's names for what a caller has.
_CALLERS = """
local callers = {{ {callers} }}
math.randomseed({seed})
local function anybody()
  local one = callers[math.random(#callers)]
  return one, {{["X-VocaFuse-API-Key"] = one.key, ["X-VocaFuse-API-Secret"] = one.secret}}
end
"""
_BOUNDARY = "a-boundary-of-the-benchmark"


@dataclass(frozen=True)
class Caller:
    """A tenant's key pair, and the ids of some of its notes."""

    api_key: str
    api_secret: str
    note_ids: Sequence[str]

    @property
    def lua(self) -> str:
        notes = ", ".join(map(json.dumps, self.note_ids))
        key, secret = json.dumps(self.api_key), json.dumps(self.api_secret)
        return f"{{key = {key}, secret = {secret}, notes = {{{notes}}}}}"


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        connections: How many ask, each again as soon as it is answered or has waited.
        request: Lua, the body of a function; `one` is who asks, `headers` are the credentials.
    """

    name: str
    connections: int
    request: str


_LISTS = """
local wanted = {"?limit=50", "?limit=50&page=3", "?limit=50&status=transcribed", "?limit=50&user_id=user_7",
  "?limit=50&status=failed"}
return wrk.format("GET", "/v1/voicenotes" .. wanted[math.random(#wanted)], headers)
"""
_GET = """
return wrk.format("GET", "/v1/voicenotes/" .. one.notes[math.random(#one.notes)], headers)
"""
_TOKEN = """
headers["Content-Type"] = "application/json"
return wrk.format("POST", "/v1/token", headers, '{"user_id": "user_' .. math.random(1000) .. '"}')
"""
_WEBHOOKS = """
return wrk.format("GET", "/v1/webhooks", headers)
"""
_UPLOAD = f"""
headers["Content-Type"] = "multipart/form-data; boundary={_BOUNDARY}"
return wrk.format("POST", "/v1/voicenotes", headers, form)
"""
UPLOAD = "upload"
UPLOADS_A_SECOND = 1.0
KINDS = (
    Kind("list", 4, _LISTS),
    Kind("get", 6, _GET),
    Kind("token", 2, _TOKEN),
    Kind("webhooks", 2, _WEBHOOKS),
    Kind(UPLOAD, 2, _UPLOAD),
)


def traffic(origin: str, callers: Sequence[Caller], audio: Path, *, seconds: int) -> dict[str, Load]:
    """Every kind at the same time, for so long, by any of the callers; what each kind saw.

    Uploads come at a rate of their own, since each of them is seconds of work for a worker.
    """
    with TemporaryDirectory(prefix="vocafuse-bench-") as folder, ThreadPoolExecutor(len(KINDS)) as asking:
        form = Path(folder) / "form"
        form.write_bytes(_form(audio))

        def ask(kind: Kind) -> Load:
            script = _script(kind, callers, form)
            return load(Target(origin, {}), seconds=seconds, connections=kind.connections, script=script)

        return dict(zip((kind.name for kind in KINDS), asking.map(ask, KINDS), strict=True))


def _script(kind: Kind, callers: Sequence[Caller], form: Path) -> str:
    known = ",\n".join(caller.lua for caller in callers)
    parts = [_CALLERS.format(callers=known, seed=len(kind.name))]
    if kind.name == UPLOAD:
        wait_ms = round(2 * kind.connections / UPLOADS_A_SECOND * 1000)
        parts.append(f'local form = io.open("{form}", "rb"):read("*a")')
        parts.append(f"function delay() return math.random(0, {wait_ms}) end")
    parts.append(f"function request()\nlocal one, headers = anybody()\n{kind.request}end")
    return "\n".join(parts)


def _form(audio: Path) -> bytes:
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{audio.name}"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    return head.encode() + audio.read_bytes() + f"\r\n--{_BOUNDARY}--\r\n".encode()
