"""A process stops with its supervisor, however that ends."""

import asyncio
import socket
from pathlib import Path

import pytest
from support.running_server import server_environment

from vocafuse_server.child_process import ChildProcess
from vocafuse_server.core.errors import StartupError
from vocafuse_server.supervised import SupervisorLink
from vocafuse_server.supervisor import start_all


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


async def test_when_one_process_cannot_be_started_none_goes_on_starting(tmp_path: Path) -> None:
    environment = server_environment(tmp_path, VOCAFUSE_DATABASE_URL="postgresql://127.0.0.1:1/notes")
    broken = ChildProcess("broken", ("nonsense",), environment, stop_s=20)
    slow = ChildProcess("slow", ("worker",), environment, stop_s=20)
    before = asyncio.all_tasks()
    with pytest.raises(StartupError, match="broken did not start"):
        await start_all([broken, slow])
    assert asyncio.all_tasks() == before
    await asyncio.gather(broken.stop(), slow.stop())
    assert slow.process is not None
    assert slow.process.returncode is not None
