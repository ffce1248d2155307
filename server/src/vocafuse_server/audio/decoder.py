"""Decodes uploads in a pool of limited child processes.

An upload is hostile until it is decoded, and the codecs are a million lines of C: they run in processes that
can open nothing, that are killed when a file costs too much, and whose end is one file's failure and no more.
"""

import asyncio
import contextlib
import json
import signal
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

_START_SECONDS = 30.0
_EXIT_SECONDS = 5.0
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
    sample_rate: int
    channels: int
    bit_rate: int | None


class _Failure(BaseModel):
    error: Literal["UNSUPPORTED_AUDIO", "AUDIO_TOO_LONG"]
    message: str = Field(max_length=200)


class _ChildDiedError(Exception):
    """The child ended in the middle of a file."""


class _ChildLiedError(Exception):
    """The child said something that it never says: it is no longer itself."""


class _Child:
    """One decoder process and the conversation with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        # Both are there because both streams were asked for as pipes.
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        self._input = process.stdin
        self._output = process.stdout

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def converse(self, container: Container, data: bytes, max_bytes: int) -> tuple[bytearray, bytes]:
        """Send a file; returns its 16-bit samples and the JSON of its result."""
        head = json.dumps({"container": container, "size": len(data)}).encode()
        with contextlib.suppress(ConnectionError):  # the child's death shows below, with what it said before
            self._input.write(messages.HEAD.pack(messages.FILE, len(head)) + head)
            self._input.write(data)
            await self._input.drain()
        pcm = bytearray()
        while True:
            kind, payload = await self._receive()
            if kind == messages.RESULT:
                return pcm, payload
            pcm += payload
            if len(pcm) > max_bytes:
                raise _ChildLiedError

    async def ready(self) -> None:
        """Wait until the child has started."""
        await self._receive()

    async def _receive(self) -> tuple[bytes, bytes]:
        """The child's next message: its kind and what is in it."""
        try:
            kind, length = messages.HEAD.unpack(await self._output.readexactly(messages.HEAD.size))
            if length > messages.MAX_MESSAGE_BYTES:
                raise _ChildLiedError
            return kind, await self._output.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _ChildDiedError from None

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def wait(self) -> int:
        """Wait for the child's end; returns its exit status: minus the signal's number if one ended it."""
        self._input.close()
        return await self._process.wait()


class DecoderPool:
    """Decoder processes, started when they are first needed and then kept for the next file.

    Args:
        processes: The most that run at a time; further files wait.
        limits: What one file may cost.
    """

    def __init__(self, *, processes: int, limits: DecoderLimits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(processes)
        self._idle: list[_Child] = []
        self._ending: set[asyncio.Task[int]] = set()
        self._closed = False

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
        """One file's conversation. A child that did not come to the end of it is not used again."""
        child = await self._take_child()
        finished = False
        try:
            async with asyncio.timeout(self._limits.wall_s):
                answer = await child.converse(container, data, self._max_pcm_bytes())
            finished = True
            return answer
        except TimeoutError:
            raise UnsupportedAudio(_TOO_SLOW) from None
        except _ChildLiedError:
            raise UnsupportedAudio(_DAMAGED) from None
        except _ChildDiedError:
            raise await _reason_of_death(child) from None
        finally:
            if finished and not self._closed:
                self._idle.append(child)
            else:
                self._end(child)

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
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                self._limits.to_argument(),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                limit=messages.MAX_MESSAGE_BYTES,
                start_new_session=True,  # Ctrl-C in a terminal ends the server, which ends its decoders
            )
        except OSError as error:
            raise DecoderUnavailable("The audio decoder could not be started.") from error
        child = _Child(process)
        started = False
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child.ready()
            started = True
        except (TimeoutError, _ChildDiedError, _ChildLiedError) as error:
            raise DecoderUnavailable("The audio decoder could not be started.") from error
        finally:
            if not started:
                self._end(child)
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


async def _reason_of_death(child: _Child) -> UnsupportedAudio | DecoderUnavailable:
    try:
        async with asyncio.timeout(_EXIT_SECONDS):
            status = await child.wait()
    except TimeoutError:  # it closed its output, but lives
        return UnsupportedAudio(_DAMAGED)
    if status == -signal.SIGKILL:
        # No limit of ours does that: it was the machine's memory that ran out, or a person.
        return DecoderUnavailable("The audio decoder was stopped.")
    return UnsupportedAudio(_TOO_SLOW if status == -signal.SIGXCPU else _DAMAGED)


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
