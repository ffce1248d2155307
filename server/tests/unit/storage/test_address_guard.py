"""Which addresses may be called, in all the ways that one can be written.

Only numeric hosts and `localhost`: resolving these asks no server.
"""

import asyncio
import socket
import threading
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from vocafuse_server.storage.outbound import AddressGuard, UnresolvedHost
from vocafuse_server.storage.urls import ForbiddenAddress

FORBIDDEN = [
    *("http://127.0.0.1/", "http://127.1/", "http://0x7f000001/", "http://2130706433/", "http://0177.0.0.1/"),
    *(
        "http://localhost/",
        "http://LOCALHOST:80/",
        "http://[::1]/",
        "http://[::]/",
        "http://0.0.0.0/",
        "http://0/",
    ),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://169.254.169.254/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/"),
    *("http://224.0.0.1/", "http://[ff02::1]/", "http://255.255.255.255/", "http://240.0.0.1/"),
    *("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::127.0.0.1]/"),
    *("http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[::127.0.0.1]/"),
    *("http://[fec0::1]/", "http://[::ffff:0:127.0.0.1]/", "http://[3fff::1]/", "http://[5f00::1]/"),
    *("http://192.0.0.8/", "http://192.88.99.1/", "http://[2001::1]/", "http://93.184.215.14:0/"),
    *("http://0300.0250.1.1/", "http://0xc0.0xa8.1.1/", "http://0xC0A80101/", "http://192.168.257/"),
    *(
        "http://localhost./",
        "http://LocalHost/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "http://[::ffff:0a00:1]/",
    ),
    *(
        "http://[2002:a9fe:a9fe::1]/",
        "http://[2001:0:7f00:1::1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[ff05::1]/",
    ),
    *("http://192.0.2.1/", "http://198.18.0.1/", "http://[2001:db8::1]/"),
    *(
        "ftp://93.184.215.14/",
        "file:///etc/passwd",
        "gopher://93.184.215.14/",
        "//93.184.215.14/",
        "",
        "http://",
    ),
    *("http://user@93.184.215.14/", "http://user:pw@93.184.215.14/", "http://93.184.215.14:99999/"),
    *("http://127.0.0.1 /", "http://93.184.215.14/\r\nX: y", "http://münchen.invalid/", "http://[::1/"),
]
PERMITTED = ["http://93.184.215.14/", "https://93.184.215.14:8443/x?y", "http://[2606:4700::1111]/"]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_private_reserved_and_malformed_ones_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await AddressGuard().check_url(url)


@pytest.mark.parametrize("url", PERMITTED)
async def test_public_ones_are_permitted(url: str) -> None:
    await AddressGuard().check_url(url)


async def test_an_allowed_network_is_permitted_and_no_other() -> None:
    guard = AddressGuard([ip_network("127.0.0.0/8"), ip_network("fd00::/8")])
    for url in ("http://127.0.0.1/", "http://[::ffff:127.0.0.1]/", "http://[fd00::1]/"):
        await guard.check_url(url)
    for url in ("http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/"):
        with pytest.raises(ForbiddenAddress):
            await guard.check_url(url)


async def test_names_are_resolved_also_while_all_common_threads_are_busy() -> None:
    loop, ended = asyncio.get_running_loop(), threading.Event()
    busy = [loop.run_in_executor(None, ended.wait) for _ in range(64)]
    try:
        guard = AddressGuard((ip_network("127.0.0.0/8"),))
        assert await asyncio.wait_for(guard.resolve("127.0.0.1", 80), 10) == ["127.0.0.1"]
    finally:
        ended.set()
        await asyncio.gather(*busy)


class Names:
    """A resolver that says of each name what it is told to, in turn; the last answer stays."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.answers = {name.replace("_", "."): list(answer) for name, answer in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    names = Names(mixed_test=[["93.184.215.14", "10.0.0.1"]], nowhere_test=[[]])
    guard = AddressGuard(resolver=names)
    with pytest.raises(ForbiddenAddress, match="private or reserved"):
        await guard.check_url("http://mixed.test/")
    with pytest.raises(ForbiddenAddress, match="does not resolve"):
        await guard.check_url("http://nowhere.test/")


async def test_what_a_name_leads_to_is_asked_anew_each_time() -> None:
    guard = AddressGuard(resolver=Names(turning_test=[["93.184.215.14"], ["169.254.169.254"]]))
    await guard.check_url("http://turning.test/")
    with pytest.raises(ForbiddenAddress, match="private or reserved"):
        await guard.check_url("http://turning.test/")


@pytest.mark.parametrize("port", [22, 25, 81, 6379, 65535])
async def test_unusual_ports_are_for_the_operators_networks_only(port: int) -> None:
    names = Names(
        own_test=[["10.0.0.1"]], public_test=[["93.184.215.14"]], both_test=[["10.0.0.1", "93.184.215.14"]]
    )
    guard = AddressGuard([ip_network("10.0.0.0/8")], resolver=names)
    for host in ("public.test", "both.test"):
        with pytest.raises(ForbiddenAddress, match=f"port {port}"):
            await guard.resolve(host, port, usual_ports={80, 443})
        assert await guard.resolve(host, 443, usual_ports={80, 443}) == names.answers[host][0]
    assert await guard.resolve("own.test", port, usual_ports={80, 443}) == ["10.0.0.1"]


async def test_a_resolver_that_hangs_is_not_waited_for() -> None:
    ended = threading.Event()

    def hang(host: str, port: int) -> Sequence[str]:
        ended.wait()
        return ["93.184.215.14"]

    try:
        with pytest.raises(UnresolvedHost, match="in time"):
            await AddressGuard(resolver=hang, resolve_timeout_s=0.05).check_url("http://slow.test/")
    finally:
        ended.set()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "later"), UnresolvedHost),
        (socket.gaierror(socket.EAI_NONAME, "never"), ForbiddenAddress),
        (UnicodeError("label too long"), ForbiddenAddress),
    ],
)
async def test_a_name_that_can_t_be_resolved_now_is_told_from_one_that_never_can(
    error: Exception, kind: type[ForbiddenAddress]
) -> None:
    def fail(host: str, port: int) -> Sequence[str]:
        raise error

    with pytest.raises(ForbiddenAddress) as raised:
        await AddressGuard(resolver=fail).check_url("http://some.test/")
    assert type(raised.value) is kind
