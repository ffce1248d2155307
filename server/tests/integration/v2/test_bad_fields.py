"""Whatever is wrong with a request of v2, the answer names the field and nothing is written."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from sqlalchemy import text
from support.app import Account, Api
from support.voice_notes import ELSEWHERE, Lvng

from vocafuse_server.core.database import Database

GOOD: dict[str, Any] = {
    "audioUrl": ELSEWHERE,
    "title": "t",
    "duration": 1,
    "mimeType": "audio/webm",
    "metadata": {},
    "tags": [],
    "workspaceId": "d4e5f6a7-b8c9-0d1e-2f3a-4b5c6d7e8f90",
}
UNSTORABLE = ["\x00", "a\x00b", "\ud800", "x\udfff"]


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"a": inner}
    return inner


texts = st.text(max_size=8)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
lists = st.lists(st.none() | st.integers() | texts, max_size=3)
objects = st.dictionaries(texts, st.integers(), max_size=3)
nothing = st.none() | st.booleans()
no_text = nothing | numbers | lists | objects
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
# Values that each field can't have.
BAD: dict[str, st.SearchStrategy[Any]] = {
    "audioUrl": no_text
    | st.sampled_from([*UNSTORABLE, "", "http://", ELSEWHERE + "\n", "https://example.com/" + "a" * 2048])
    | printable.map(lambda scheme: f"x{scheme}://example.com/a"),
    "title": no_text | st.sampled_from([*UNSTORABLE, "", "a" * 256, "a\nb", "\x7f"]),
    "duration": nothing
    | texts
    | lists
    | objects
    | st.floats(max_value=0, exclude_max=True, allow_infinity=False)
    | st.integers(max_value=-1)
    | st.integers(min_value=10**9 + 1),
    "mimeType": no_text | st.sampled_from([*UNSTORABLE, "", "a" * 256, "audio/webm\r\n"]),
    "metadata": nothing
    | numbers
    | texts
    | lists
    | st.sampled_from([{key: 1} for key in UNSTORABLE])
    | st.sampled_from([{"a": [value]} for value in UNSTORABLE])
    | st.sampled_from([nested(21), nested(500), {"a": "x" * 16 * 1024}]),
    "tags": nothing
    | numbers
    | texts
    | objects
    | (nothing | numbers | objects | lists).map(lambda tag: ["a", tag])
    | st.sampled_from([[tag] for tag in (*UNSTORABLE, "", "a" * 65, "a\nb")])
    | st.just(["a"] * 51),
    "workspaceId": no_text | texts | st.sampled_from([*UNSTORABLE, "d4e5f6a7b8c90d1e2f3a4b5c6d7e8f90"]),
}
CHANGEABLE = ["title", "tags", "metadata"]
bad_fields = st.sampled_from(list(BAD)).flatmap(
    lambda name: st.tuples(st.just(name), BAD[name].filter(lambda value: value != GOOD[name]))
)
bad_changes = bad_fields.filter(lambda field: field[0] in CHANGEABLE)
BAD_QUERY: dict[str, st.SearchStrategy[str]] = {
    "limit": st.sampled_from(["0", "-1", "101", "1.0", "x", "", "1_0", " 1", "9" * 5000]),
    "offset": st.sampled_from(["-1", "x", "", "1.5", "2147483648", "9" * 5000, "\x00"]),
    "status": st.text().filter(lambda word: word not in {"created", "processing", "completed", "failed"}),
    "workspaceId": st.text(),
    "search": st.sampled_from(["\x00", "a\n", "a" * 256]),
    "tags": st.sampled_from(["\x00", "a,\x01", ",".join(["a"] * 51), "a" * 4000]),
}
queries = st.sampled_from(list(BAD_QUERY)).flatmap(lambda name: st.tuples(st.just(name), BAD_QUERY[name]))
many = given_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def own(api: Api, account: Account) -> Lvng:
    return Lvng(api, {**account.headers, "Content-Type": "application/json"})


def encoded(body: object) -> bytes:
    """JSON with everything escaped that isn't ASCII, as half a surrogate pair must be."""
    return json.dumps(body).encode()


async def written(database: Database) -> list[Any]:
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT id, title, tags, metadata, updated_at FROM notes"))
        return [tuple(row) for row in rows]


def assert_names(field: str, status: int, body: dict[str, Any]) -> None:
    assert status == 400, body
    assert list(body) == ["success", "error", "message"]
    assert (body["success"], body["error"]) == (False, "Invalid request")
    assert field in body["message"]


@many
@given(field=bad_fields)
async def test_no_bad_field_makes_a_note(own: Lvng, database: Database, field: tuple[str, Any]) -> None:
    name, value = field
    answer = await own.ask("POST", content=encoded({**GOOD, name: value}))
    assert_names(name, answer.status_code, answer.json())
    assert await written(database) == []


@many
@given(field=bad_changes)
async def test_no_bad_field_changes_a_note(own: Lvng, database: Database, field: tuple[str, Any]) -> None:
    before = await written(database)
    if not before:
        await own.ask("POST", content=encoded(GOOD))
        before = await written(database)
    name, value = field
    good = {other: GOOD[other] for other in CHANGEABLE if other != name}
    answer = await own.ask("PUT", f"/{before[0][0]}", content=encoded({**good, name: value}))
    assert_names(name, answer.status_code, answer.json())
    assert await written(database) == before


@many
@given(field=queries)
async def test_no_bad_parameter_gets_a_list(own: Lvng, field: tuple[str, str]) -> None:
    name, value = field
    encodable = value.encode("utf-8", "replace").decode()
    answer = await own.ask("GET", params={name: encodable})
    assert_names(name, answer.status_code, answer.json())


@many
@given(fields=st.dictionaries(st.sampled_from(list(GOOD)), nothing | numbers | texts | lists | objects))
async def test_no_body_crashes_a_route(own: Lvng, fields: dict[str, Any]) -> None:
    answer = await own.ask("POST", content=encoded({"audioUrl": ELSEWHERE, **fields}))
    assert answer.status_code in {201, 400}, answer.text


async def test_the_url_is_needed(own: Lvng, database: Database) -> None:
    without = {name: value for name, value in GOOD.items() if name != "audioUrl"}
    answer = await own.ask("POST", content=encoded(without))
    assert_names("audioUrl", answer.status_code, answer.json())
    assert await written(database) == []


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
async def test_numbers_that_json_does_not_have_are_refused(
    own: Lvng, database: Database, literal: str
) -> None:
    for body in (f'"duration": {literal}', f'"metadata": {{"a": {literal}}}'):
        content = f'{{"audioUrl": "{ELSEWHERE}", {body}}}'.encode()
        assert (await own.ask("POST", content=content)).status_code == 400
    assert await written(database) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b"{}x"])
async def test_bodies_that_are_no_json_object_are_refused(
    own: Lvng, database: Database, content: bytes
) -> None:
    answer = await own.ask("POST", content=content)
    assert (answer.status_code, list(answer.json())) == (400, ["success", "error", "message"])
    assert await written(database) == []


async def test_the_largest_of_everything_is_taken(own: Lvng) -> None:
    most = {
        "audioUrl": ELSEWHERE + "?" + "a" * (2047 - len(ELSEWHERE)),
        "title": "🎤" * 255,
        "duration": 10**9,
        "tags": ["é" * 64] * 50,
        "metadata": {"a": "é" * (8 * 1024 - 4)},
        "mimeType": "a" * 255,
    }
    answer = await own.ask("POST", content=encoded(most))
    assert answer.status_code == 201, answer.text
    note = answer.json()["voiceNote"]
    assert [note[name] for name in ("title", "tags", "metadata")] == [
        most[name] for name in ("title", "tags", "metadata")
    ]
    assert (await own.ask("GET", params={"tags": ",".join(["é" * 64] * 50)})).json()["total"] == 1
    assert (await own.ask("GET", "?tags=a&tags=b")).status_code == 400
