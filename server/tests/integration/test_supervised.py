"""A process stops with its supervisor, however that ends."""

import asyncio
import socket

import pytest

from vocafuse_server.supervised import SupervisorLink


@pytest.mark.parametrize("has_read_everything", [True, False])
async def test_a_process_notices_the_end_of_its_supervisor(has_read_everything: bool) -> None:
    supervisor, child = socket.socketpair()
    link, stopped = SupervisorLink(child.detach()), asyncio.Event()
    watching = asyncio.create_task(link.on_loss(stopped.set))
    link.ready()
    link.ready()
    if has_read_everything:
        assert supervisor.recv(100) == b"ready"
    assert not stopped.is_set()
    supervisor.close()
    await asyncio.wait_for(stopped.wait(), 20)
    await watching
    link.close()
