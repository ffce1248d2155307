"""Decodes uploads in a pool of limited child processes.

An upload is hostile until it is decoded, and the codecs are a million lines of C: they run in processes that
can open nothing, that are killed when a file costs too much, that see one file each, and whose end is that
file's failure and no more.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from vocafuse_server.audio import messages
from vocafuse_server.audio.containers import SNIFF_BYTES, Container, sniff
from vocafuse_server.audio.errors import AudioTooLong, DecoderUnavailable, UnsupportedAudio
from vocafuse_server.audio.limits import DecoderLimits
from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

_START_SECONDS = 30.0
_DAMAGED = "The file is damaged and can't be decoded."
_TOO_SLOW = "The file took too long to decode."
# Isolated (-I): no environment variable and no current folder decides what the child imports.
_COMMAND = (sys.executable, "-I", "-m", "vocafuse_server.audio.decoder_process")


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """A file's first audio track.

    Attributes:
        samples: float32, shape (n,), mono at 16 kHz, within -1 and 1; several channels are averaged.
        duration_s: Length of `samples`, which is what was found, not what the file's header claims.
        container: The file's container.
        codec: FFmpeg's name of the source's codec, for instance "opus" or "pcm_s16le".
        sample_rate: The source's, in Hz.
        channels: The source's.
        bit_rate: The source's, in bit/s, if it is known.
    """

    samples: NDArray[np.float32]
    duration_s: float
    container: Container
    codec: str
    sample_rate: int
    channels: int
    bit_rate: int | None


class _Source(BaseModel):
    """A child's result. It is checked like foreign input: a hostile file may have taken the child over."""

    codec: str = Field(max_length=40)
    sample_rate: int = Field(ge=1, le=1_000_000)
    channels: int = Field(ge=1, le=1_000)
    bit_rate: int | None = Field(ge=0, le=1 << 40)


class _Failure(BaseModel):
    error: Literal["UNSUPPORTED_AUDIO", "AUDIO_TOO_LONG"]
    message: str = Field(max_length=200)


class _ChildDiedError(Exception):
    """The child ended in the middle of a file."""


class _ChildLiedError(Exception):
    """The child said something that it never says: it is no longer itself."""


class _Child:
    """One decoder, which forks a process for each file, and the conversations with both."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def converse(self, container: Container, data: bytes, max_bytes: int) -> tuple[bytearray, bytes]:
        """Send a file; returns its 16-bit samples and the JSON of its result."""
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
                if len(pcm) > max_bytes:
                    raise _ChildLiedError
        finally:
            writer.transport.abort()

    async def ended(self) -> tuple[int, int]:
        """How the file's process ended, as of waitpid, and its peak memory in bytes.

        Raises:
            _ChildDiedError: The decoder itself has ended.
        """
        said = b""
        while len(said) < messages.ENDED.size:
            loop = asyncio.get_running_loop()
            try:
                piece = await loop.sock_recv(self._control, messages.ENDED.size - len(said))
            except ConnectionError:
                piece = b""
            if not piece:
                raise _ChildDiedError
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
                raise _ChildDiedError from None
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
    """Let the dead of a process group go: a container's first process inherits them, and nobody else will."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-group, 0)


async def _receive(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message of a file's process: its kind and what is in it."""
    try:
        kind, length = messages.HEAD.unpack(await reader.readexactly(messages.HEAD.size))
        if length > messages.MAX_MESSAGE_BYTES:
            raise _ChildLiedError
        return kind, await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        raise _ChildDiedError from None


class DecoderPool:
    """Decoder processes, started when they are first needed and then kept for the next file.

    Args:
        processes: The most that run at a time; further files wait.
        limits: What one file may cost.

    Attributes:
        peak_bytes: The most memory that a file has taken so far.
    """

    def __init__(self, *, processes: int, limits: DecoderLimits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(processes)
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False
        self.peak_bytes = 0

    async def start(self) -> None:
        """Start one process ahead of the first file.

        Raises:
            DecoderUnavailable: It does not start.
        """
        async with self._slots:
            if not self._idle:
                self._idle.append(await self._start_child())

    async def decode(self, data: bytes) -> DecodedAudio:
        """Decode a file that is in memory.

        Raises:
            UnsupportedAudio: It is no audio, or none that can be decoded within the limits.
            AudioTooLong: It lasts longer than `limits.max_duration_s`.
            DecoderUnavailable: No process can be started, or the pool is closed.
        """
        container = sniff(data[:SNIFF_BYTES])
        if container is None:
            raise UnsupportedAudio("The file is not in an audio format that is supported.")
        async with self._slots:
            pcm, payload = await self._run(container, data)
        source = _read_result(payload)
        # A long recording takes a tenth of a second to convert: not on the event loop.
        samples = await asyncio.to_thread(_to_float, pcm)
        return DecodedAudio(
            samples=samples,
            duration_s=len(samples) / messages.SAMPLE_RATE,
            container=container,
            codec=source.codec,
            sample_rate=source.sample_rate,
            channels=source.channels,
            bit_rate=source.bit_rate,
        )

    async def close(self) -> None:
        """End all processes, also those that are at work on a file."""
        self._closed = True
        for child in self._idle:
            self._end(child)
        self._idle.clear()
        await asyncio.gather(*self._ending)

    async def _run(self, container: Container, data: bytes) -> tuple[bytearray, bytes]:
        """One file's conversation. A decoder that did not come to the end of it is not used again."""
        child = await self._take_child()
        finished = False
        try:
            async with asyncio.timeout(self._limits.wall_s):
                try:
                    answer = await child.converse(container, data, self._max_pcm_bytes())
                except _ChildDiedError:
                    answer = None
                status = await self._end_of_file(child)
            finished = True
        except TimeoutError:
            raise UnsupportedAudio(_TOO_SLOW) from None
        except _ChildLiedError:
            raise UnsupportedAudio(_DAMAGED) from None
        except _ChildDiedError:
            raise DecoderUnavailable("The audio decoder was stopped.") from None
        finally:
            if finished and not self._closed:
                self._idle.append(child)
            else:
                self._end(child)
        if answer is None:
            raise _reason_of_death(status)
        return answer

    async def _end_of_file(self, child: _Child) -> int:
        """Wait for the end of a file's process, and note what it took."""
        status, peak_bytes = await child.ended()
        self.peak_bytes = max(self.peak_bytes, peak_bytes)
        return status

    async def _take_child(self) -> _Child:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._end(child)
        return await self._start_child()

    async def _start_child(self) -> _Child:
        if self._closed:
            raise DecoderUnavailable("The audio decoder is shut down.")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                self._limits.to_argument(),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                start_new_session=True,  # Ctrl-C in a terminal ends the server, which ends its decoders
            )
        except OSError as error:
            ours.close()
            raise DecoderUnavailable("The audio decoder could not be started.") from error
        finally:
            theirs.close()
        child = _Child(process, ours)
        started = False
        try:
            async with asyncio.timeout(_START_SECONDS):
                readiness, _ = await child.ended()
            started = True
        except (TimeoutError, _ChildDiedError) as error:
            raise DecoderUnavailable("The audio decoder could not be started.") from error
        finally:
            if not started:
                self._end(child)
        if readiness == messages.UNFILTERED:
            log.warning("this machine can't filter the decoder's system calls; its other limits hold")
        return child

    def _end(self, child: _Child) -> None:
        """Kill a child now and collect it later, so that a cancelled caller need not wait for it."""
        child.kill()
        task = asyncio.get_running_loop().create_task(child.wait())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _max_pcm_bytes(self) -> int:
        seconds = self._limits.max_duration_s + 1.0
        return int(seconds * messages.SAMPLE_RATE * messages.SAMPLE_BYTES)


def _reason_of_death(status: int) -> UnsupportedAudio | DecoderUnavailable:
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
    if number == signal.SIGKILL:
        # No limit of ours does that: it was the machine's memory that ran out, or a person.
        return DecoderUnavailable("The audio decoder was stopped.")
    return UnsupportedAudio(_TOO_SLOW if number == signal.SIGXCPU else _DAMAGED)


def _read_result(payload: bytes) -> _Source:
    try:
        return _Source.model_validate_json(payload)
    except ValidationError:
        pass
    try:
        failure = _Failure.model_validate_json(payload)
    except ValidationError as error:
        raise UnsupportedAudio(_DAMAGED) from error
    raise (AudioTooLong if failure.error == AudioTooLong.code else UnsupportedAudio)(failure.message)


def _to_float(pcm: bytearray) -> NDArray[np.float32]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
