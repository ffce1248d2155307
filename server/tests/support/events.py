"""Following event streams over real HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

_PATIENCE_S = 20


@dataclass(frozen=True)
class Told:
    """One event."""

    id: str | None
    type: str
    data: dict[str, Any]

    @property
    def note(self) -> str:
        found: str = self.data["voicenote_id"]
        return found


class Stream:
    """An open stream; also counts its heartbeats."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self.heartbeats = 0
        self._lines: AsyncIterator[str] = answer.aiter_lines()

    async def next(self) -> Told:
        """The next event."""
        found = await self.read()
        assert found is not None, "the stream has ended"
        return found

    async def read(self) -> Told | None:
        """The next event; None at the end of the stream."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(_PATIENCE_S):
            async for line in self._lines:
                name, _, value = line.partition(":")
                if line.startswith(":"):
                    self.heartbeats += 1
                elif line:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    return Told(fields.get("id"), fields["event"], json.loads(fields["data"]))
        return None


@asynccontextmanager
async def following(
    port: int, headers: Mapping[str, str], *, after: str | None = None, **query: str
) -> AsyncGenerator[Stream]:
    """A stream whose headers have come, whatever they say."""
    resuming = {} if after is None else {"Last-Event-ID": after}
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_PATIENCE_S) as http,
        http.stream("GET", "/v1/events", headers={**headers, **resuming}, params=query) as answer,
    ):
        yield Stream(answer)
