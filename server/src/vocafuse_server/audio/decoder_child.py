"""One decoder process, and the conversations with it and with what it forks (`messages`)."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys

from vocafuse_server.audio import messages
from vocafuse_server.audio.containers import Container
from vocafuse_server.audio.errors import DecoderUnavailable
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

_START_S = 30.0
_NOT_STARTED = "The audio decoder could not be started."
# Isolated (-I): no environment variable and no current folder decides what the child imports.
_COMMAND = (sys.executable, "-I", "-m", "vocafuse_server.audio.decoder_process")


class DecoderDied(Exception):
    """The child ended in the middle of a file."""


class DecoderLied(Exception):
    """The child said something that it never says: it is no longer itself."""


class DecoderChild:
    """One decoder, which forks a process for each file, and the conversations with both."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def wait_ready(self) -> None:
        """Wait until it takes files.

        Raises:
            DecoderUnavailable: It ends, or stays silent, instead.
        """
        try:
            async with asyncio.timeout(_START_S):
                readiness, _ = await self.ended()
        except (TimeoutError, DecoderDied) as error:
            raise DecoderUnavailable(_NOT_STARTED) from error
        if readiness == messages.UNFILTERED:
            log.warning("this machine can't filter the decoder's system calls; its other limits hold")

    async def converse(self, container: Container, data: bytes, max_bytes: int) -> tuple[bytearray, bytes]:
        """Send a file, and hear what becomes of it.

        Args:
            container: What the file is.
            data: All of it.
            max_bytes: How much samples there can be at most.

        Returns:
            The samples, 16-bit little-endian mono at 16 kHz, and the JSON of the result.

        Raises:
            DecoderDied: The file's process ended before it was through.
            DecoderLied: It is no longer itself.
        """
        reader, writer = await self._open_file()
        try:
            head = json.dumps({"container": container, "size": len(data)}).encode()
            with contextlib.suppress(ConnectionError):  # a death shows below, with what was said before
                writer.write(messages.HEAD.pack(messages.FILE, len(head)) + head)
                writer.write(data)
                await writer.drain()
            pcm = bytearray()
            while True:
                kind, payload = await _receive(reader)
                if kind == messages.RESULT:
                    return pcm, payload
                pcm += payload
                if len(pcm) > max_bytes or len(payload) % messages.SAMPLE_BYTES:
                    raise DecoderLied
        finally:
            writer.transport.abort()

    async def ended(self) -> tuple[int, int]:
        """How the file's process ended, as of waitpid, and its peak memory in bytes.

        Raises:
            DecoderDied: The decoder itself has ended.
        """
        said = b""
        while len(said) < messages.ENDED.size:
            loop = asyncio.get_running_loop()
            try:
                piece = await loop.sock_recv(self._control, messages.ENDED.size - len(said))
            except ConnectionError:
                piece = b""
            if not piece:
                raise DecoderDied
            said += piece
        status, peak_kib = messages.ENDED.unpack(said)
        return status, peak_kib * 1024

    async def _open_file(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A conversation with a new process for a file."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [messages.START], [theirs.fileno()])
            except OSError:
                ours.close()
                raise DecoderDied from None
        return await asyncio.open_connection(sock=ours, limit=messages.MAX_MESSAGE_BYTES)

    def kill(self) -> None:
        """Kill it and whatever it has forked."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait for its end, and for that of what it had forked."""
        self._control.close()
        await self._process.wait()
        await asyncio.to_thread(_collect_group, self._process.pid)


def _collect_group(group: int) -> None:
    """Let the dead of a process group go: a worker that is a container's first process inherits them.

    Who runs `up` as the first process needs an init above it (`--init`): there they are the supervisor's.
    """
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


async def _receive(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message of a file's process: its kind and what is in it."""
    try:
        kind, length = messages.HEAD.unpack(await reader.readexactly(messages.HEAD.size))
        if length > messages.MAX_MESSAGE_BYTES:
            raise DecoderLied
        return kind, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise DecoderDied from None


async def start_child(limits: DecoderLimits) -> DecoderChild:
    """Start a decoder, whose files may cost so much.

    Raises:
        DecoderUnavailable: It does not start.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with contextlib.ExitStack() as failed:
        failed.callback(ours.close)
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *_COMMAND,
                    limits.to_argument(),
                    stdin=theirs.fileno(),
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    env={},
                    start_new_session=True,  # Ctrl-C in a terminal ends the server, which ends its decoders
                )
            except OSError as error:
                raise DecoderUnavailable(_NOT_STARTED) from error
        failed.pop_all()
    return DecoderChild(process, ours)
