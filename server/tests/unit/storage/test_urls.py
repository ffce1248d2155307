"""URLs of strangers: one reading, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vocafuse_server.storage.urls import ForbiddenAddress, HttpUrl, parse_url


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "authority", "target"),
    [
        ("http://notes.test", "http", "notes.test", 80, "notes.test", "/"),
        ("HTTPS://Notes.Test:8443/a;b=1?c=d#e", "https", "notes.test", 8443, "Notes.Test:8443", "/a;b=1?c=d"),
        ("http://[2606:4700::1111]:81/x", "http", "2606:4700::1111", 81, "[2606:4700::1111]:81", "/x"),
        (
            "http://xn--mnchen-3ya.test/?q=@",
            "http",
            "xn--mnchen-3ya.test",
            80,
            "xn--mnchen-3ya.test",
            "/?q=@",
        ),
        ("http://notes.test./x#@127.0.0.1/", "http", "notes.test.", 80, "notes.test.", "/x"),
        ("https://my_bucket.test:/x", "https", "my_bucket.test", 443, "my_bucket.test:", "/x"),
    ],
)
def test_the_parts_of_a_url(url: str, scheme: str, host: str, port: int, authority: str, target: str) -> None:
    assert parse_url(url) == HttpUrl(scheme, host, port, authority, target)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        *((f"{scheme}//notes.test/", "http or https") for scheme in ("ftp:", "file:", "gopher:", "ws:", "")),
        *(
            (url, "http or https")
            for url in ("", "http://", "http:///x", "notes.test", "http:notes.test", "data:,x")
        ),
        ("javascript:alert(1)", "http or https"),
        *((f"http://{user}@notes.test/", "user name") for user in ("u", "u:p", "", ":", "127.0.0.1", "a@b")),
        ("http://notes.test#@127.0.0.1@evil.test/\\", "backslash"),
        ("http://notes.test\\@127.0.0.1/", "backslash"),
        ("http:\\\\127.0.0.1/", "backslash"),
        *((f"http://notes.test/{character}x", "printable") for character in "\t\n\r\0\x7f\x1f é\u3002"),
        (" http://notes.test/", "printable"),
        *((f"http://{host}/", "printable") for host in ("münchen.test", "ⓛocalhost", "127。0。0。1", "①.1")),
        *((f"http://{host}/", "valid") for host in ("127%2e0.0.1", "[fe80::1%25lo]", "a,b", "$(x)", "a!b")),
        *((f"http://{host}/", "valid") for host in ("[::1]x", "x[::1]", "[127.0.0.1", "[::1", "::1", "[]")),
        *((f"http://notes.test:{port}/", "valid") for port in ("99999", "-1", "8o", "80:80", "0x50")),
        ("http://notes.test:0/", "port 0"),
    ],
)
def test_what_is_no_plain_http_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ForbiddenAddress, match=reason):
        parse_url(url)


@given(st.text(alphabet=st.characters(codec="ascii")) | st.from_regex(r"https?://[!-~]{1,40}/[!-~]{0,20}"))
def test_what_is_accepted_goes_on_the_wire_as_it_was_read(url: str) -> None:
    try:
        parsed = parse_url(url)
    except ForbiddenAddress:
        return
    assert 0 < parsed.port <= 65535
    assert parsed.authority.lower().strip("[").startswith(parsed.host)
    assert not set("@/?#\\") & set(parsed.authority)
    assert parsed.target.startswith("/")
    assert "#" not in parsed.target
    assert parsed.target in url or parsed.target[1:] in url
