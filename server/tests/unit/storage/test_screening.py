"""What can be told of a URL before anybody is asked."""

from ipaddress import ip_network

import pytest

from vocafuse_server.storage.screening import UrlScreen
from vocafuse_server.storage.urls import ForbiddenAddress


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a", "http://127.1/a", "http://2130706433/a", "http://0x7f000001/a"),
        *("http://0177.0.0.1/a", "http://[::1]/a", "http://[::ffff:127.0.0.1]/a", "http://[64:ff9b::a00:1]/"),
        *("http://192.168.0.1/", "http://169.254.169.254/", "http://224.0.0.1/", "http://localhost/"),
        *("http://LocalHost./a", "http://x.localhost/a", "http://93.184.216.34:6379/", "ftp://example.com/"),
    ],
)
async def test_what_leads_inside_or_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await UrlScreen().check(url)


@pytest.mark.parametrize(
    "url",
    [
        *("https://cdn.example.com/a.webm", "http://93.184.216.34/a", "http://93.184.216.34:8080/a"),
        *("https://no-such-host.invalid/a", "http://example.com:9999/", "http://[2606:2800:220:1::1]/a"),
    ],
)
async def test_what_only_a_name_server_can_tell_is_let_through(url: str) -> None:
    await UrlScreen().check(url)


async def test_the_operators_own_networks_are_allowed_on_any_port() -> None:
    screen = UrlScreen([ip_network("127.0.0.0/8")])
    await screen.check("http://127.0.0.1:9999/a")
    with pytest.raises(ForbiddenAddress):
        await screen.check("http://10.0.0.1/a")
