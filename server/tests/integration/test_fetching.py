"""Fetching from real servers on loopback, which the operator allows here: good ones, bad ones, and traps."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.tls import new_certificate
from support.web import Site, redirect, response, serving

from vocafuse_server.core.errors import UnsupportedAudioError
from vocafuse_server.core.settings import Settings
from vocafuse_server.notes.intake import received_audio
from vocafuse_server.storage.fetching import FetchError, FetchInterrupted, FetchRefused, UrlFetcher
from vocafuse_server.storage.objects import open_objects
from vocafuse_server.storage.outbound import AddressGuard, GuardedClient, OutboundError

WAV = Path(__file__).parents[1] / "audio" / "wav-16k.wav"
MAX_BYTES = 1024 * 1024
OWN = (ip_network("127.0.0.1/32"),)
TRAP_HOST = "127.0.0.2"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving() as site:
        yield site


@pytest.fixture
async def trap(site: Site) -> AsyncIterator[Site]:
    """A server on the same port of an address that is not allowed, which nobody may ever reach."""
    async with serving(TRAP_HOST, port=site.port) as trap:
        trap.answers["/"] = response(b"secret")
        yield trap
        assert trap.connections == 0


@pytest.fixture
async def fetcher() -> AsyncIterator[UrlFetcher]:
    fetcher = UrlFetcher(AddressGuard(OWN), max_bytes=MAX_BYTES, max_connections=2)
    yield fetcher
    await fetcher.close()


async def fetch(fetcher: UrlFetcher, url: str) -> bytes:
    async with asyncio.timeout(20), fetcher.fetched(url) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def failure(fetcher: UrlFetcher, url: str) -> FetchError:
    with pytest.raises(FetchError) as raised:
        await fetch(fetcher, url)
    return raised.value


async def test_a_file_arrives_as_it_is(fetcher: UrlFetcher, site: Site) -> None:
    audio = WAV.read_bytes()
    site.answers["/a;v=1.wav?k=%20&x=@"] = response(audio, "Content-Type: text/plain")
    assert await fetch(fetcher, site.url("/a;v=1.wav?k=%20&x=@#t=3")) == audio


async def test_a_file_goes_into_the_store_and_its_bytes_say_what_it_is(
    fetcher: UrlFetcher, site: Site, tmp_path: Path
) -> None:
    objects = open_objects(Settings(data_dir=tmp_path))
    audio = WAV.read_bytes()
    site.answers["/x.html"] = response(audio, "Content-Type: text/html")
    site.answers["/x.wav"] = response(b"<html>", "Content-Type: audio/wav")
    async with (
        fetcher.fetched(site.url("/x.html")) as chunks,
        received_audio(objects, chunks, max_bytes=MAX_BYTES) as arrived,
    ):
        assert (arrived.container.value, arrived.size_bytes) == ("wav", len(audio))
        assert await objects.read(arrived.key) == audio
    with pytest.raises(UnsupportedAudioError):
        async with (
            fetcher.fetched(site.url("/x.wav")) as chunks,
            received_audio(objects, chunks, max_bytes=MAX_BYTES),
        ):
            pytest.fail("this is no audio")


async def test_what_breaks_off_leaves_nothing_in_the_store(
    fetcher: UrlFetcher, site: Site, tmp_path: Path
) -> None:
    objects = open_objects(Settings(data_dir=tmp_path))
    site.answers["/cut"] = response(WAV.read_bytes(), "Content-Length: 1000000")
    with pytest.raises(FetchInterrupted, match="broke off"):
        async with (
            fetcher.fetched(site.url("/cut")) as chunks,
            received_audio(objects, chunks, max_bytes=MAX_BYTES),
        ):
            pytest.fail("not all of it has come")
    assert [path for path in (tmp_path / "audio").rglob("*") if path.is_file()] == []


async def test_no_cookies_credentials_or_compression_are_sent(fetcher: UrlFetcher, site: Site) -> None:
    site.answers["/first"] = response(
        b"", "Location: /next", "Set-Cookie: a=b", status="307 Temporary Redirect"
    )
    site.answers["/next"] = response(b"there", "Set-Cookie: c=d")
    for _ in range(2):
        assert await fetch(fetcher, site.url("/first")) == b"there"
    for head in site.asked:
        lines = head.lower().split("\r\n")
        assert f"host: 127.0.0.1:{site.port}" in lines
        assert "accept-encoding: identity" in lines
        assert not [line for line in lines if line.startswith(("cookie", "authorization", "referer"))]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.2",
            "127.2",
            "127.0.2",
            "2130706434",
            "0x7f000002",
            "0x7f.0.0.2",
            "0177.0.0.2",
            "017700000002",
        ),
        *("[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[0:0:0:0:0:ffff:7f00:0002]", "[64:ff9b::7f00:2]"),
        *("[2002:7f00:2::]", "[::127.0.0.2]", "[::1]", "[::]", "0.0.0.0", "0", "10.0.0.1", "169.254.169.254"),
    ],
)
async def test_private_addresses_are_refused_unasked(
    fetcher: UrlFetcher, site: Site, trap: Site, host: str
) -> None:
    site.answers["/"] = redirect(site.url(host=host))
    for url in (site.url(host=host), site.url()):
        error = await failure(fetcher, url)
        assert isinstance(error, FetchRefused)
        assert str(error) == "The URL leads to a private or reserved address."


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "localhost."])
async def test_localhost_is_refused_however_it_is_written(site: Site, host: str) -> None:
    fetcher = UrlFetcher(AddressGuard(), max_bytes=MAX_BYTES, max_connections=1)
    assert isinstance(await failure(fetcher, site.url(host=host)), FetchRefused)
    assert site.connections == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://127.0.0.1/", "http or https"),
        ("file:///etc/passwd", "http or https"),
        ("http://user:password@127.0.0.1/", "user name or password"),
        ("http://127.0.0.1\\@127.0.0.2/", "backslash"),
        ("http://127.0.0.1\t/", "printable"),
        ("http://127。0。0。2/", "printable"),
        ("http://93.184.215.14:22/", "port 22"),
    ],
)
async def test_what_may_not_be_fetched_is_said(fetcher: UrlFetcher, url: str, reason: str) -> None:
    error = await failure(fetcher, url)
    assert isinstance(error, FetchRefused)
    assert reason in str(error)
    assert "password@" not in str(error)


@pytest.mark.parametrize("client", ["fetcher", "webhooks"])
async def test_a_name_that_turns_private_is_resolved_once_and_then_refused(
    site: Site, trap: Site, client: str
) -> None:
    asked: list[str] = []

    def turning(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else [TRAP_HOST]

    site.answers["/"] = response(b"public")
    guard = AddressGuard(OWN, resolver=turning)
    url = site.url(host="turning.test")
    if client == "fetcher":
        fetcher = UrlFetcher(guard, max_bytes=MAX_BYTES, max_connections=1)
        assert await fetch(fetcher, url) == b"public"
        assert (site.connections, len(asked)) == (1, 1)
        assert isinstance(await failure(fetcher, url), FetchRefused)
    else:
        await guard.check_url(url)
        webhooks = GuardedClient(guard, max_connections=1)
        with pytest.raises(OutboundError, match="private or reserved"):
            await webhooks.post(url, headers={}, body=b"", timeout_s=5)
    assert len(asked) == 2


async def test_webhooks_may_use_any_port_and_say_their_whole_path(site: Site) -> None:
    site.answers["/hook;v=1?x=2"] = response(b"thanks")
    client = GuardedClient(AddressGuard(OWN), max_connections=1)
    answer = await client.post(site.url("/hook;v=1?x=2"), headers={"X-A": "b"}, body=b"", timeout_s=5)
    assert (answer.status, answer.body) == (200, b"thanks")
    await client.close()


async def test_three_redirects_are_followed_and_no_more(fetcher: UrlFetcher, site: Site) -> None:
    statuses = ["301 Moved", "302 Found", "303 See Other", "308 Permanent Redirect"]
    for number, status in enumerate(statuses):
        site.answers[f"/a/{number}"] = redirect(f"../a/{number + 1}", status)
    site.answers["/a/4"] = response(b"there")
    assert await fetch(fetcher, site.url("/a/1")) == b"there"
    assert str(await failure(fetcher, site.url("/a/0"))) == "The URL redirects more than 3 times."
    site.answers["/loop"] = redirect("/loop")
    asked_before = len(site.asked)
    assert isinstance(await failure(fetcher, site.url("/loop")), FetchRefused)
    assert len(site.asked) - asked_before == 4


@pytest.mark.parametrize(
    "location",
    [
        *("file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "data:,x", "//user:pw@127.0.0.1/"),
        *(
            "http://[::1/",
            "http://127.0.0.1:99999/",
            "/\\127.0.0.2",
            "http://127.0.0.1\\@127.0.0.2/",
            "/caf\xe9",
        ),
    ],
)
async def test_a_redirect_to_what_may_not_be_fetched_is_refused(
    fetcher: UrlFetcher, site: Site, location: str
) -> None:
    site.answers["/"] = redirect(location)
    error = await failure(fetcher, site.url())
    assert isinstance(error, FetchRefused)
    assert str(error) == "The URL redirects to a URL that can't be fetched."
    assert len(site.asked) == 1


@pytest.mark.parametrize("headers", [(), ("Location: /a", "Location: /b")])
async def test_a_redirect_must_say_where_to_once(
    fetcher: UrlFetcher, site: Site, headers: tuple[str, ...]
) -> None:
    site.answers["/"] = response(b"", *headers, status="302 Found")
    assert "without saying where to" in str(await failure(fetcher, site.url()))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *(
            (status, FetchRefused)
            for status in ("204 No", "206 Partial", "304 Not", "401 No", "404 No", "410 Gone")
        ),
        *((status, FetchInterrupted) for status in ("408 Slow", "429 Wait", "500 Oops", "503 Later")),
    ],
)
async def test_another_status_is_told(
    fetcher: UrlFetcher, site: Site, status: str, kind: type[FetchError]
) -> None:
    site.answers["/"] = response(b"", status=status)
    error = await failure(fetcher, site.url())
    assert type(error) is kind
    assert str(error) == f"The server answered {status[:3]}."


async def test_nobody_there_may_be_so_for_a_moment(fetcher: UrlFetcher) -> None:
    async with serving() as gone:
        pass
    error = await failure(fetcher, gone.url())
    assert (type(error), str(error)) == (FetchInterrupted, "The server can't be reached.")


async def test_a_file_that_says_it_is_too_large_is_not_read(fetcher: UrlFetcher, site: Site) -> None:
    site.answers["/"] = response(b"x", f"Content-Length: {MAX_BYTES + 1}")
    site.answers["/fits"] = response(b"x" * MAX_BYTES)
    error = await failure(fetcher, site.url())
    assert (type(error), str(error)) == (FetchRefused, "The file is larger than the 1 MiB allowed.")
    assert len(await fetch(fetcher, site.url("/fits"))) == MAX_BYTES


async def test_a_body_without_end_is_cut(fetcher: UrlFetcher, site: Site) -> None:
    async def never_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + bytes(65536) + b"\r\n")
            await writer.drain()

    site.answers["/"] = never_end
    assert "larger than" in str(await failure(fetcher, site.url()))


async def test_headers_without_end_are_cut(fetcher: UrlFetcher, site: Site) -> None:
    async def never_end(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: " + b"x" * 65536 + b"\r\n")
            await writer.drain()

    site.answers["/"] = never_end
    assert isinstance(await failure(fetcher, site.url()), FetchInterrupted)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_slow_drip_is_cut(site: Site, begun: bool) -> None:
    gone = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n" + b"\r\n" * begun)
        for _ in range(1000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.wait([watcher], timeout=0.02)

    watcher = asyncio.create_task(gone.wait())
    site.answers["/"] = drip
    fetcher = UrlFetcher(AddressGuard(OWN), max_bytes=MAX_BYTES, max_connections=1, timeout_s=0.3)
    error = await failure(fetcher, site.url())
    assert (type(error), str(error)) == (FetchInterrupted, "The server took longer than 0.3 s.")
    gone.set()
    site.answers["/"] = response(b"quick")
    assert await fetch(fetcher, site.url()) == b"quick"  # Its place is free again.


async def test_time_that_redirects_take_counts(site: Site) -> None:
    hang = asyncio.Event()

    async def answer_never(writer: asyncio.StreamWriter) -> None:
        await hang.wait()

    site.answers["/"] = redirect("/hangs")
    site.answers["/hangs"] = answer_never
    fetcher = UrlFetcher(AddressGuard(OWN), max_bytes=MAX_BYTES, max_connections=1, timeout_s=0.3)
    assert "longer than 0.3 s" in str(await failure(fetcher, site.url()))
    hang.set()


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd", "unknown"])
async def test_compressed_answers_are_refused(fetcher: UrlFetcher, site: Site, coding: str) -> None:
    site.answers["/"] = response(gzip.compress(bytes(10 * MAX_BYTES)), f"Content-Encoding: {coding}")
    error = await failure(fetcher, site.url())
    assert isinstance(error, FetchRefused)
    assert "compressed" in str(error)


async def test_an_answer_that_says_it_is_not_compressed_is_taken(fetcher: UrlFetcher, site: Site) -> None:
    bomb = gzip.compress(bytes(10 * MAX_BYTES))
    site.answers["/"] = response(bomb, "Content-Encoding: identity")
    assert await fetch(fetcher, site.url()) == bomb  # Bytes are bytes: nothing unpacks them.


@pytest.mark.parametrize(
    "answer",
    [
        response(b"half", "Content-Length: 8"),
        response(b"8\r\nhalf", "Transfer-Encoding: chunked"),
        response(b"4\r\nhalf\r\n", "Transfer-Encoding: chunked"),
        response(b"x", "Content-Length: 1", "Content-Length: 2"),
        response(b"x", "Content-Length: -1"),
        response(b"x", "Transfer-Encoding: gzip, chunked"),
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"",
    ],
)
async def test_what_is_cut_off_or_no_http_is_noticed(fetcher: UrlFetcher, site: Site, answer: bytes) -> None:
    site.answers["/"] = answer
    error = await failure(fetcher, site.url())
    assert type(error) is FetchInterrupted
    assert str(error) == "The server broke off, or sent no valid HTTP."


async def test_more_than_was_announced_is_not_read(fetcher: UrlFetcher, site: Site) -> None:
    site.answers["/"] = response(b"goodHTTP/1.1 200 OK", "Content-Length: 4")
    assert await fetch(fetcher, site.url()) == b"good"


async def test_who_stops_reading_frees_the_place(site: Site) -> None:
    fetcher = UrlFetcher(AddressGuard(OWN), max_bytes=MAX_BYTES, max_connections=1, timeout_s=5)
    site.answers["/"] = response(bytes(MAX_BYTES))
    for _ in range(3):
        async with fetcher.fetched(site.url()) as chunks:
            assert await anext(chunks)
    assert len(await fetch(fetcher, site.url())) == MAX_BYTES
    await fetcher.close()


async def test_what_is_done_with_the_bytes_takes_none_of_the_time(site: Site) -> None:
    fetcher = UrlFetcher(AddressGuard(OWN), max_bytes=MAX_BYTES, max_connections=1, timeout_s=0.3)
    site.answers["/"] = response(b"whole")
    async with fetcher.fetched(site.url()) as chunks:
        assert [chunk async for chunk in chunks] == [b"whole"]
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_later(0.4, done.set_result, "committed")
        assert await done == "committed"


def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_a_certificate_must_be_for_the_host_and_not_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = new_certificate(tmp_path, "secure.test")
    guard = AddressGuard(OWN, resolver=here)
    distrusting = UrlFetcher(guard, max_bytes=MAX_BYTES, max_connections=1)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    trusting = UrlFetcher(guard, max_bytes=MAX_BYTES, max_connections=1)
    async with serving(tls=certificate.server) as site:
        site.answers["/"] = response(b"sealed")
        assert await fetch(trusting, site.url(host="secure.test")) == b"sealed"
        asked = len(site.asked)
        for fetcher, host in (
            (trusting, "other.test"),
            (trusting, "127.0.0.1"),
            (distrusting, "secure.test"),
        ):
            error = await failure(fetcher, site.url(host=host))
            assert type(error) is FetchRefused
            assert str(error) == "The server has no valid certificate for this host."
        assert len(site.asked) == asked


async def test_a_redirect_from_https_to_http_is_refused(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = new_certificate(tmp_path, "secure.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    fetcher = UrlFetcher(AddressGuard(OWN, resolver=here), max_bytes=MAX_BYTES, max_connections=1)
    async with serving(tls=certificate.server) as secure:
        site.answers["/up"] = redirect(secure.url("/", host="secure.test"))
        secure.answers["/"] = redirect(secure.url("/down", host="secure.test"))
        secure.answers["/down"] = redirect(site.url())
        error = await failure(fetcher, site.url("/up"))
        assert str(error) == "The URL redirects from https to http."
        assert [len(one.asked) for one in (site, secure)] == [1, 2]
