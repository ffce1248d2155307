"""Callers of v2, as the tests of its voice notes need them."""

from dataclasses import dataclass
from typing import Any

import httpx2
from sqlalchemy import text

from support.app import Account, Api
from support.clips import AUDIO
from support.notes import make_transcription
from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import NoteId, parse_uuid

PATH = "/api/v2/voice-notes"
CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
ELSEWHERE = "https://cdn.example.com/uploads/audio/a1b2c3d4.webm"


@dataclass(frozen=True)
class Lvng:
    """A user of v2."""

    api: Api
    headers: dict[str, str]

    async def ask(self, method: str, path: str = "", **parts: Any) -> httpx2.Response:
        return await self.api.http.request(method, f"{PATH}{path}", headers=self.headers, **parts)

    async def create(self, **fields: object) -> dict[str, Any]:
        answer = await self.ask("POST", json={"audioUrl": ELSEWHERE, **fields})
        assert answer.status_code == 201, answer.text
        return _note(answer)

    async def get(self, note_id: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/{note_id}")
        assert answer.status_code == 200, answer.text
        return _note(answer)

    async def page(self, **query: str) -> dict[str, Any]:
        answer = await self.ask("GET", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def titles(self, **query: str) -> list[str]:
        return [note["title"] for note in (await self.page(**query))["voiceNotes"]]

    async def upload(self, data: bytes | None = CLIP) -> str:
        """The `audio_url` of an upload, whose bytes arrive unless there are none."""
        answer = await self.api.http.post(
            "/v1/upload", headers=self.headers, json={"file_name": "my note.wav", "duration_seconds": 2.5}
        )
        body: dict[str, str] = answer.json()
        if data is not None:
            assert (await self.api.http.put(body["presigned_url"], content=data)).status_code == 200
        return body["audio_url"]


async def token_user(api: Api, account: Account, user_id: str) -> Lvng:
    """One user of an account. The tokens' library reads the real time, so the app's clock must too."""
    answer = await api.http.post("/v1/token", headers=account.headers, json={"user_id": user_id})
    return Lvng(api, {"Authorization": f"Bearer {answer.json()['token']}"})


def known_id(text_: str) -> NoteId:
    found = parse_uuid(text_)
    assert found is not None
    return NoteId(found)


async def complete(database: Database, account: Account, note_id: str, words: str) -> None:
    """Write a transcription down, as a worker would."""
    async with database.transaction() as session:
        row = make_transcription(account.id, known_id(note_id), words, utc_now())
        session.add(row)
        await session.execute(
            text("UPDATE notes SET status = 'transcribed', duration_seconds = 1.9996 WHERE id = :id"),
            {"id": note_id},
        )


def _note(answer: httpx2.Response) -> dict[str, Any]:
    body = answer.json()
    assert body["success"] is True
    found: dict[str, Any] = body["voiceNote"]
    return found
