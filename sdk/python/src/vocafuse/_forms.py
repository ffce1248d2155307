"""An upload in one request: audio and texts as `multipart/form-data` (RFC 7578)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from vocafuse._audio import AudioSource

# What HTML has browsers escape in names, so that no file's name ends its header.
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True)
class AudioForm:
    """A form that can be sent again and again, always with the same bytes."""

    audio: AudioSource = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    boundary: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def size_bytes(self) -> int:
        return len(self._head) + self.audio.size_bytes + len(self._tail)

    def chunks(self) -> Iterator[bytes]:
        """The whole body; progress counts the audio alone."""
        yield self._head
        yield from self.audio.chunks()
        yield self._tail

    async def async_chunks(self) -> AsyncIterator[bytes]:
        """The same for a task."""
        yield self._head
        async for chunk in self.audio.async_chunks():
            yield chunk
        yield self._tail

    @property
    def _head(self) -> bytes:
        texts = "".join(self._part(name) + f"\r\n{text}\r\n" for name, text in self.fields.items())
        kind = "Content-Type: application/octet-stream\r\n"
        return (texts + self._part("file", self.audio.name) + f"{kind}\r\n").encode()

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode()

    def _part(self, name: str, file_name: str | None = None) -> str:
        file = "" if file_name is None else f'; filename="{_escaped(file_name)}"'
        return f'--{self.boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"{file}\r\n'


def _escaped(name: str) -> str:
    return re.sub('["\r\n]', lambda found: _ESCAPES[found[0]], name)
