"""The recorder as the server hands it to browsers."""

import re
from pathlib import Path

from support.app import Api

from vocafuse_server import __version__

REPOSITORY = Path(__file__).parents[3]
SOURCE = REPOSITORY / "sdk" / "web"
MAX_BYTES_SENT = 20_000


def sources() -> dict[str, bytes]:
    paths = [SOURCE / "vocafuse.js", *(SOURCE / "vocafuse").glob("*.js")]
    return {path.relative_to(SOURCE).as_posix(): path.read_bytes() for path in paths}


async def test_a_page_of_any_origin_gets_the_recorder(api: Api) -> None:
    for name, source in sources().items():
        answer = await api.http.get(f"/sdk/{name}")
        assert (answer.status_code, answer.content) == (200, source)
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_an_unchanged_recorder_is_not_sent_again(api: Api) -> None:
    first = await api.http.get("/sdk/vocafuse.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await api.http.get("/sdk/vocafuse.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    changed = await api.http.get("/sdk/vocafuse.js", headers={"If-None-Match": 'W/"of an older version"'})
    assert changed.status_code == 200


async def test_the_whole_recorder_is_a_small_transfer(api: Api) -> None:
    sent = 0
    for name in sources():
        answer = await api.http.get(f"/sdk/{name}", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["vary"]
        sent += int(answer.headers["content-length"])
    assert sent < MAX_BYTES_SENT
    plain = await api.http.get("/sdk/vocafuse.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert len(plain.content) < MAX_BYTES_SENT


async def test_nothing_else_is_served_there(api: Api) -> None:
    for name in ("", "README.md", "vocafuse", "../app.py", "vocafuse/../../app.py", "examples/page.js"):
        assert (await api.http.get(f"/sdk/{name}")).status_code == 404, name
    assert (await api.http.head("/sdk/vocafuse.js")).status_code == 200
    assert (await api.http.post("/sdk/vocafuse.js")).status_code == 405


def test_the_recorder_has_the_servers_version() -> None:
    [version] = re.findall(
        r'^export const VERSION = "(.+)";$', sources()["vocafuse.js"].decode(), re.MULTILINE
    )
    assert version == __version__
