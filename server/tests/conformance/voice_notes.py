"""v2's voice notes as the tests of this suite make and read them."""

from dataclasses import dataclass
from typing import Any

from support.clips import AUDIO
from support.web import Site, response

from conformance.examples import example
from conformance.service import SPOKEN, ApiUser, Service

PATH = "/api/v2/voice-notes"


@dataclass(frozen=True)
class Sites:
    """Where audio is fetched from."""

    site: Site

    def clip(self, name: str = SPOKEN) -> str:
        self.site.answers[f"/{name}"] = response((AUDIO / name).read_bytes())
        return self.site.url(f"/{name}")


async def create(lvng: ApiUser, **fields: object) -> dict[str, Any]:
    found: dict[str, Any] = (await lvng.post(PATH, {**example("004_create_request"), **fields}))["voiceNote"]
    return found


async def completed(service: Service, lvng: ApiUser, sites: Sites, **fields: object) -> dict[str, Any]:
    note = await create(lvng, audioUrl=sites.clip(), **fields)
    await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    await service.work()
    found: dict[str, Any] = (await lvng.get(f"{PATH}/{note['id']}"))["voiceNote"]
    assert found["status"] == "completed"
    return found


async def titles(lvng: ApiUser, query: str = "") -> list[str]:
    return [note["title"] for note in (await lvng.get(f"{PATH}{query}"))["voiceNotes"]]


async def refusal(lvng: ApiUser, method: str, path: str, status: int, **content: Any) -> dict[str, Any]:
    answer = await lvng.call(method, f"{PATH}{path}", **content)
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    assert list(body) == ["success", "error", "message"]
    assert body["success"] is False
    return body
