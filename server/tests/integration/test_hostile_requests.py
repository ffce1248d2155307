"""Every route, over real HTTP, with hostile values in every place: each answer is a published one."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from support.app import Account, SettableClock
from support.clips import AUDIO
from support.published import assert_is_published
from support.wire import exchange, request_bytes, served

from vocafuse_server.app import create_app
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.settings import Settings
from vocafuse_server.dialects.rate_limit_headers import UNLIMITED
from vocafuse_server.dialects.request_log import EVENTS_PATH

DESCRIPTION: dict[str, Any] = json.loads((Path(__file__).parents[3] / "openapi.json").read_text())
CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

nasty_texts = st.sampled_from(
    [
        *("", " ", "\x00", "a\x00b", "\x1b[2J", "\u202e", "\ufffe", "%00", "../../etc/passwd", "a/b", "null"),
        *(
            "'; DROP TABLE notes; --",
            "{{7*7}}",
            "-1",
            "0",
            "1",
            "1e3",
            "1e400",
            "NaN",
            "Infinity",
            "٣",
            "1_0",
        ),
        *(
            str(10**30),
            "9" * 5000,
            "x" * 300,
            "x" * 5000,
            "2025-02-30",
            "2025-10-01",
            "transcribed",
            "active",
        ),
        *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "00000000-0000-0000-0000-000000000000"),
    ]
)
texts = nasty_texts | st.text(max_size=12)
# Each is the text of a JSON value; some are none, and are read as such by careless parsers.
json_scalars = (
    st.sampled_from(
        [
            *("null", "true", "false", "0", "-0", "-1", "1.0", "1e3", "1e999", "-1e999", "NaN", "Infinity"),
            *(
                "1" * 4000,
                "1" * 5000,
                '"\\ud800"',
                '"\\udc00\\ud800"',
                '"\\u0000"',
                '"a\\u0000b"',
                '"\\uffff"',
            ),
            *("[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[" * 3000, "'a'", "undefined", "", '"'),
        ]
    )
    | st.integers().map(str)
    | texts.map(json.dumps)
)
json_keys = st.sampled_from(['"a"', '"\\ud800"', '"\\u0000"', '""', '"a b"']) | texts.map(json.dumps)


def object_text(members: list[tuple[str, str]]) -> str:
    """An object's text; a name may come twice."""
    return "{" + ",".join(f"{name}:{value}" for name, value in members) + "}"


json_texts = st.recursive(
    json_scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]")
        | st.lists(st.tuples(json_keys, inner), max_size=3).map(object_text)
    ),
    max_leaves=5,
)
AT_ONCE = "/v1/audio/transcriptions"  # Audio is answered by a worker, and there is none.
PLAUSIBLE = {
    "file_name": '"note.wav"',
    "user_id": '"u1"',
    "identity": '"u1"',
    "url": '"https://93.184.215.14/hook"',
    "events": '["voicenote.created"]',
    "custom_tags": '{"a":"b"}',
    "expires_in": "60",
    "scopes": '["voicenotes:read"]',
    "language": '"en"',
    "secret": '"chosen"',
    "status": '"active"',
    "expires_at": '"2100-01-01"',
    "audioUrl": '"https://93.184.215.14/a.webm"',
    "tags": '["retro"]',
    "metadata": '{"a":1}',
    "duration": "1.5",
    "workspaceId": '"00000000-0000-0000-0000-000000000000"',
}
header_values = st.sampled_from(
    [b"", b"a", b"bytes=0-1", b"bytes=9-1", b"bytes=99999999999999999999-", b"\xb2"]
)
header_values |= texts.map(lambda text: text.encode("utf-8").translate(None, b"\r\n"))
header_values |= st.binary(max_size=8).map(lambda raw: raw.translate(None, b"\r\n"))
HEADERS = [
    *(
        b"Idempotency-Key",
        b"Range",
        b"If-Range",
        b"User-Agent",
        b"Accept",
        b"Host",
        b"Origin",
        b"X-Forwarded-For",
    ),
    *(
        b"Access-Control-Request-Method",
        b"Access-Control-Request-Private-Network",
        b"Authorization",
        b"Cookie",
    ),
    *(b"X-VocaFuse-API-Key", b"X-Unheard-Of"),
]
CHARSETS = [
    "",
    ";charset=utf-8",
    ";charset=utf-7",
    ";charset=idna",
    ";charset=unicode_escape",
    ";charset=\x01",
]
content_types = st.sampled_from(
    [
        *(
            "application/json",
            "application/json;charset=utf-16",
            "text/plain",
            "",
            "application/",
            "a/b;c=\xff",
        ),
        *("application/x-www-form-urlencoded", "multipart/form-data", 'multipart/form-data; boundary="'),
    ]
)


@dataclass(frozen=True)
class Operation:
    """A route as the description has it."""

    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...]
    fields: tuple[str, ...]
    content_type: str | None

    def __repr__(self) -> str:
        return f"{self.method} {self.path}"

    def names(self, place: str) -> list[str]:
        return [parameter["name"] for parameter in self.parameters if parameter["in"] == place]


def fields_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of a body's fields."""
    media: list[dict[str, Any]] = list(content.values())
    schema: dict[str, Any] = media[0].get("schema", {}) if media else {}
    options: list[dict[str, Any]] = schema.get("anyOf", [schema])
    for option in options:
        reference: str | None = option.get("$ref")
        found: dict[str, Any] = (
            DESCRIPTION["components"]["schemas"][reference.rsplit("/", 1)[1]] if reference else option
        )
        if "properties" in found:
            return tuple(found["properties"])
    return ()


def described(method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    content: Mapping[str, Any] = operation.get("requestBody", {}).get("content", {})
    parameters = tuple(operation.get("parameters", []))
    return Operation(method.upper(), path, parameters, fields_of(content), next(iter(content), None))


OPERATIONS = [
    described(method, path, operation)
    for path, operations in DESCRIPTION["paths"].items()
    if path not in UNLIMITED and path != EVENTS_PATH  # A stream, which doesn't end by itself.
    for method, operation in operations.items()
]


@dataclass(frozen=True)
class Hostile:
    """A request before the ids that it names are known: `{...}` in its target stands for them."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    with_keys: bool

    def __repr__(self) -> str:
        """Cut: some bodies are as long as a book."""
        headers = repr(self.headers)[:1000]
        return f"{self.method} {self.target[:1000]} keys={self.with_keys} {headers} {self.body[:3000]!r}"


@st.composite
def hostile_requests(draw: st.DrawFn) -> Hostile:
    """A request to one of the routes; most of it is as it should be."""
    operation = draw(st.sampled_from(OPERATIONS))
    method = operation.method if draw(st.integers(0, 9)) else draw(st.sampled_from(METHODS))
    target = operation.path
    for name in operation.names("path"):
        if not draw(st.integers(0, 2)):
            target = target.replace(f"{{{name}}}", draw(path_parts))
    query = draw(
        st.lists(st.tuples(st.sampled_from([*operation.names("query"), "tag.a", "x"]), texts), max_size=3)
    )
    parts = [f"{quote(name)}={quote(value)}" for name, value in query]
    parts += (
        []
        if draw(st.integers(0, 9))
        else [draw(st.sampled_from(["%ff", "page=%ff", "%00=1", "&&=", "a=%zz"]))]
    )
    content_type, body = draw(bodies(operation))
    headers = draw(st.lists(st.tuples(st.sampled_from(HEADERS), header_values), max_size=2))
    return Hostile(
        method,
        f"{target}?{'&'.join(parts)}" if parts else target,
        ((b"Content-Type", content_type.encode("latin-1")), *headers),
        body,
        with_keys=bool(draw(st.integers(0, 9))),
    )


path_parts = st.sampled_from(
    ["%ff%fe", "%00", "%2e%2e%2f", "%F0%9F", "%", "%zz", "..", "%0d%0aX:1", "%d8%00"]
)
path_parts |= texts.map(lambda text: quote(text, safe="")) | st.binary(max_size=9).map(quote_from_bytes)


@st.composite
def bodies(draw: st.DrawFn, operation: Operation) -> tuple[str, bytes]:
    """A content type and a body, which most often fit each other and the route."""
    if not draw(st.integers(0, 9)):
        return draw(content_types), draw(st.binary(max_size=30) | json_texts.map(str.encode))
    if operation.content_type == "multipart/form-data":
        return draw(forms(operation))
    if operation.content_type == "application/json":
        names = st.sampled_from(operation.fields).map(json.dumps)
        plausible = names.map(lambda name: (name, PLAUSIBLE.get(json.loads(name), '"x"')))
        members = plausible | plausible | st.tuples(names | json_keys, json_texts)
        return "application/json", object_text(draw(st.lists(members, max_size=5))).encode()
    return "application/octet-stream", draw(st.binary(max_size=30))


@st.composite
def forms(draw: st.DrawFn, operation: Operation) -> tuple[str, bytes]:
    """A form of which some parts are broken."""
    parts: list[bytes] = []
    for name in draw(st.lists(st.sampled_from([*operation.fields, "", 'a"b', "\x00"]), max_size=4)):
        disposition = f'form-data; name="{name}"'
        if name == "file" or not draw(st.integers(0, 5)):
            disposition += f'; filename="{draw(texts)}"'
        is_audio = name == "file" and draw(st.booleans()) and operation.path != AT_ONCE
        value = CLIP if is_audio else draw(texts | json_texts).encode()
        header = draw(
            st.sampled_from(["", "\r\nContent-Type: text/plain", "\r\n\x00: x", "\r\nContent-Length: -1"])
        )
        parts.append(f"--x\r\nContent-Disposition: {disposition}{header}\r\n\r\n".encode() + value + b"\r\n")
    ends = [b"--x--\r\n", b"--x--\r\n", b"--x--\r\n", b"", b"--x", b"--y--\r\n"]
    return f"multipart/form-data; boundary=x{draw(st.sampled_from(CHARSETS))}", b"".join(parts) + draw(
        st.sampled_from(ends)
    )


@pytest.fixture
def clock() -> SettableClock:
    """Begins today, since tokens are checked against the real time."""
    return SettableClock(utc_now())


@pytest.fixture
async def port(settings: Settings, database_url: str, clock: SettableClock) -> AsyncIterator[int]:
    async with served(create_app(settings, database_url, clock=clock), settings) as port:
        yield port


def keys(account: Account) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in account.headers.items()]


async def ask(port: int, account: Account, method: str, target: str, body: object = None) -> Any:
    """The body of an answer to an ordinary request."""
    headers = [*keys(account), (b"Content-Type", b"application/json")]
    content = b"" if body is None else json.dumps(body).encode()
    answer = await exchange(port, request_bytes(method, target.encode(), headers, content))
    assert answer.status < 300, answer
    return json.loads(answer.body)


@pytest.fixture
async def ids(port: int, account: Account) -> dict[str, str]:
    """One of everything that paths can name."""
    hook = {"url": "https://93.184.215.14/first", "events": ["voicenote.created"]}
    webhook = await ask(port, account, "POST", "/v1/webhooks", hook)
    delivery = await ask(port, account, "POST", f"{webhook['uri']}/test")
    note = await ask(port, account, "POST", "/v1/upload", {"file_name": "a.wav"})
    key = await ask(port, account, "POST", "/v1/account/api-keys", {})
    return {
        "webhook_id": webhook["id"],
        "delivery_id": delivery["id"],
        "note_id": note["voicenote_id"],
        "api_key_id": key["id"],
    }


@given_settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(hostile=hostile_requests())
async def test_every_answer_is_a_published_one(
    port: int, account: Account, ids: dict[str, str], clock: SettableClock, hostile: Hostile
) -> None:
    target = hostile.target
    for name, value in ids.items():
        target = target.replace(f"{{{name}}}", value)
    headers = [*(keys(account) if hostile.with_keys else []), *hostile.headers]
    request = request_bytes(hostile.method, target.encode(), headers, hostile.body)
    answer = await exchange(port, request)
    assert_is_published(
        answer.status,
        answer.headers,
        answer.body,
        path=target.partition("?")[0],
        with_body=hostile.method != "HEAD",
    )
