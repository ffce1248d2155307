"""Taking audio in: from a stream into the object store, with its size and its kind checked on the way."""

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vocafuse_server.audio.containers import SNIFF_BYTES, Container, sniff
from vocafuse_server.core.errors import PayloadTooLarge, UnsupportedAudioError
from vocafuse_server.core.ids import new_uuid
from vocafuse_server.notes.models import Note
from vocafuse_server.storage.objects import Objects

INCOMING = "incoming"


@dataclass(frozen=True, slots=True)
class ArrivedAudio:
    """Audio that lies whole in the store, under a key of its own until it becomes a note's."""

    key: str
    container: Container
    size_bytes: int


@asynccontextmanager
async def received_audio(
    objects: Objects, chunks: AsyncIterable[bytes], *, max_bytes: int
) -> AsyncGenerator[ArrivedAudio]:
    """Stream audio into the store for the block to make it a note's; if the block fails, it is removed.

    Raises:
        PayloadTooLarge: There is more than `max_bytes`; noticed as it streams.
        UnsupportedAudioError: The first bytes are those of no audio container.
        Whatever `chunks` raises; nothing is kept then.
    """
    key = f"{INCOMING}/{new_uuid()}"
    stream = _CheckedStream(chunks, max_bytes)
    await objects.write(key, aiter(stream))
    async with _kept_if_used(objects, key):
        yield ArrivedAudio(key, stream.container(), stream.size_bytes)


@asynccontextmanager
async def copied_audio(objects: Objects, source: Note) -> AsyncGenerator[ArrivedAudio]:
    """Copy the audio of a note for the block to make it another note's; if the block fails, it is removed.

    Raises:
        FileNotFoundError: The note has none, or has been deleted meanwhile.
    """
    if source.audio_format is None or source.file_size_bytes is None:
        raise FileNotFoundError(source.audio_key)
    key = f"{INCOMING}/{new_uuid()}"
    await objects.copy(source.audio_key, key)
    async with _kept_if_used(objects, key):
        yield ArrivedAudio(key, Container(source.audio_format), source.file_size_bytes)


@asynccontextmanager
async def _kept_if_used(objects: Objects, key: str) -> AsyncGenerator[None]:
    try:
        yield
    except BaseException:
        await objects.delete(key)
        raise


class _CheckedStream:
    """Passes chunks on while it counts them and looks at the first ones."""

    def __init__(self, chunks: AsyncIterable[bytes], max_bytes: int) -> None:
        self._chunks = chunks
        self._max_bytes = max_bytes
        self._head = b""
        self.size_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self.size_bytes += len(chunk)
            if self.size_bytes > self._max_bytes:
                raise PayloadTooLarge(self._max_bytes)
            if len(self._head) >= SNIFF_BYTES:
                yield chunk
                continue
            self._head += chunk
            if len(self._head) >= SNIFF_BYTES:
                self.container()
                yield self._head
        if len(self._head) < SNIFF_BYTES:
            self.container()
            yield self._head

    def container(self) -> Container:
        """What the first bytes are the beginning of; raises UnsupportedAudioError if of no audio."""
        container = sniff(self._head)
        if container is None:
            raise UnsupportedAudioError
        return container
