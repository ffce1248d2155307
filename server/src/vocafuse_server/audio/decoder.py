"""Decodes uploads in a pool of limited child processes.

An upload is hostile until it is decoded, and the codecs are a million lines of C: they run in processes that
can open nothing, that are killed when a file costs too much, that see one file each, and whose end is that
file's failure and no more.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from vocafuse_server.audio import messages
from vocafuse_server.audio.containers import SNIFF_BYTES, Container, sniff
from vocafuse_server.audio.decoder_child import DecoderChild, DecoderDied, DecoderLied, start_child
from vocafuse_server.audio.errors import AudioTooLong, DecoderUnavailable, UnsupportedAudio
from vocafuse_server.audio.limits import DecoderLimits

_DAMAGED = "The file is damaged and can't be decoded."
_TOO_SLOW = "The file took too long to decode."
_SHUT_DOWN = "The audio decoder is shut down."


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
        self._processes = processes
        self._slots = asyncio.Semaphore(processes)
        self._idle: list[DecoderChild] = []
        self._busy: set[DecoderChild] = set()
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
        """End all processes; what they are at work on, and what waits for them, is given up."""
        self._closed = True
        for child in self._idle:
            self._end(child)
        self._idle.clear()
        for child in self._busy:
            child.kill()
        for _ in range(self._processes):
            await self._slots.acquire()
        for _ in range(self._processes):
            self._slots.release()
        await asyncio.gather(*self._ending)

    async def _run(self, container: Container, data: bytes) -> tuple[bytearray, bytes]:
        """One file's conversation. A decoder that did not come to the end of it is not used again."""
        child = await self._take_child()
        self._busy.add(child)
        finished = False
        try:
            async with asyncio.timeout(self._limits.wall_s):
                try:
                    answer = await child.converse(container, data, self._max_pcm_bytes())
                except DecoderDied:
                    answer = None
                status = await self._end_of_file(child)
            finished = True
        except TimeoutError:
            raise UnsupportedAudio(_TOO_SLOW) from None
        except DecoderLied:
            raise UnsupportedAudio(_DAMAGED) from None
        except DecoderDied:
            raise DecoderUnavailable("The audio decoder was stopped.") from None
        finally:
            self._busy.remove(child)
            if finished and not self._closed:
                self._idle.append(child)
            else:
                self._end(child)
        if answer is None:
            raise _reason_of_death(status)
        return answer

    async def _end_of_file(self, child: DecoderChild) -> int:
        """Wait for the end of a file's process, and note what it took."""
        status, peak_bytes = await child.ended()
        self.peak_bytes = max(self.peak_bytes, peak_bytes)
        return status

    async def _take_child(self) -> DecoderChild:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
            self._end(child)
        return await self._start_child()

    async def _start_child(self) -> DecoderChild:
        if self._closed:
            raise DecoderUnavailable(_SHUT_DOWN)
        child = await start_child(self._limits)
        is_wanted = False
        self._busy.add(child)
        try:
            await child.wait_ready()
            is_wanted = not self._closed
        finally:
            self._busy.remove(child)
            if not is_wanted:
                self._end(child)
        if not is_wanted:
            raise DecoderUnavailable(_SHUT_DOWN)
        return child

    def _end(self, child: DecoderChild) -> None:
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
