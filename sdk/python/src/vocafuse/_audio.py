"""The audio to upload: its name, its size, and its bytes as often as they are needed."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vocafuse._errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

CHUNK_BYTES = 64 * 1024
DEFAULT_NAME = "audio"


class AudioSource:
    """Bytes that can be read again from where they start, however often a transfer is repeated."""

    def __init__(
        self,
        file: IO[bytes],
        *,
        name: str,
        start: int,
        size_bytes: int,
        on_progress: Callable[[int, int], object] | None,
    ) -> None:
        if size_bytes <= 0:
            raise ValidationError(f"{name} is empty: there is no audio to upload.")
        # A name on the disk is bytes; what of it is no text can't be sent.
        self.name = name.encode(errors="replace").decode()
        self.size_bytes = size_bytes
        self._file = file
        self._start = start
        self._on_progress = on_progress

    def chunks(self) -> Iterator[bytes]:
        """The bytes from their start; progress is reported once a chunk has been taken over."""
        sent_bytes = 0
        self._report(sent_bytes)
        while sent_bytes < self.size_bytes:
            chunk = self._read(sent_bytes)
            yield chunk
            sent_bytes += len(chunk)
            self._report(sent_bytes)

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The same, read in a thread, so that a slow disk holds up no other task."""
        from anyio import to_thread

        sent_bytes = 0
        self._report(sent_bytes)
        while sent_bytes < self.size_bytes:
            chunk = await to_thread.run_sync(self._read, sent_bytes)
            yield chunk
            sent_bytes += len(chunk)
            self._report(sent_bytes)

    def _read(self, at: int) -> bytes:
        self._file.seek(self._start + at)
        chunk = self._file.read(min(CHUNK_BYTES, self.size_bytes - at))
        if not chunk:
            raise ValidationError(f"{self.name} became shorter while it was being uploaded.")
        return chunk

    def _report(self, sent_bytes: int) -> None:
        if self._on_progress is not None:
            self._on_progress(sent_bytes, self.size_bytes)


@contextmanager
def open_audio(
    path_or_file: str | os.PathLike[str] | IO[bytes],
    on_progress: Callable[[int, int], object] | None = None,
) -> Generator[AudioSource, None, None]:
    """The audio in a file, closed afterwards when it was opened here.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValidationError: It is empty, or not opened in binary mode.
    """
    if isinstance(path_or_file, (str, os.PathLike)):
        path = Path(path_or_file)
        with path.open("rb") as file:
            yield _source_of(file, path.name, on_progress)
    else:
        yield _source_of(path_or_file, _file_name(path_or_file), on_progress)


@asynccontextmanager
async def async_open_audio(
    path_or_file: str | os.PathLike[str] | IO[bytes],
    on_progress: Callable[[int, int], object] | None = None,
) -> AsyncGenerator[AudioSource, None]:
    """The same, opened in a thread: a pipe is read to its end before."""
    from anyio import to_thread

    with ExitStack() as opened:
        yield await to_thread.run_sync(opened.enter_context, open_audio(path_or_file, on_progress))


def _source_of(file: IO[bytes], name: str, on_progress: Callable[[int, int], object] | None) -> AudioSource:
    file = _rereadable(file)
    start = file.tell()
    size_bytes = file.seek(0, io.SEEK_END) - start
    return AudioSource(file, name=name, start=start, size_bytes=size_bytes, on_progress=on_progress)


def _rereadable(file: IO[bytes]) -> IO[bytes]:
    # Read nothing, to learn whether it holds bytes or text.
    sample: Any = file.read(0)
    if not isinstance(sample, bytes):
        raise ValidationError("Open the file in binary mode ('rb').")
    # A pipe cannot be rewound for a retry and does not tell its size, so it is kept in memory.
    return file if file.seekable() else io.BytesIO(file.read())


def _file_name(file: IO[bytes]) -> str:
    # Files opened by descriptor have a number for a name, pipes something like "<stdin>".
    name: object = getattr(file, "name", None)
    if not isinstance(name, str) or name.startswith("<"):
        return DEFAULT_NAME
    return Path(name).name or DEFAULT_NAME
