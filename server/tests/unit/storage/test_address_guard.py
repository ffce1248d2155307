"""Which addresses may be called, in all the ways that one can be written.

Only numeric hosts and `localhost`: resolving these asks no server.
"""

import asyncio
import threading
from ipaddress import ip_network

import pytest

from vocafuse_server.storage.outbound import AddressGuard, ForbiddenAddress

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
