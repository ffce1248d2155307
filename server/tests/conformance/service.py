"""The service as the tests of this suite meet it: the app, the worker, and those who call."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from procrastinate import App
from sqlalchemy import text
from support.app import Api, SettableClock, make_account
from support.clips import AUDIO
from support.listener import Listener, Received
from support.loop_transport import LoopTransport

from conformance.promises import VOICENOTES, Spelling
from vocafuse import Client
from vocafuse_server.accounts.models import Plan
from vocafuse_server.core.queue import Queue

SPOKEN = "whats-the-weather-like.wav"
# A public address: nothing is resolved, and nothing is called unless the worker runs.
HOOK_URL = "https://93.184.215.14/hook"


@dataclass(frozen=True)
class ApiUser:
    """Somebody with credentials who calls the API."""

    http: httpx2.AsyncClient
    headers: Mapping[str, str] = field(repr=False)
    tenant_id: str = ""

    async def call(
        self, method: str, uri: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx2.Response:
        return await self.http.request(method, uri, headers={**self.headers, **(headers or {})}, **content)

    async def get(self, uri: str) -> dict[str, Any]:
        """The body of a 200."""
        answer = await self.call("GET", uri)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def post(self, uri: str, body: object = None, *, status: int = 201) -> dict[str, Any]:
        """The body of a success."""
        answer = await self.call("POST", uri, json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refused(self, method: str, uri: str, status: int, **content: Any) -> dict[str, Any]:
        """The error that a call is answered with."""
        answer = await self.call(method, uri, **content)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()["error"]
        return found

    async def upload(
        self, clip: str = SPOKEN, *, words: Spelling = VOICENOTES, name: str | None = None, **fields: str
    ) -> dict[str, Any]:
        """A note made of a clip, in one step."""
        files = {"file": (name or clip, (AUDIO / clip).read_bytes())}
        answer = await self.call("POST", words.path, files=files, data=fields)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def announce(self, **fields: object) -> dict[str, Any]:
        """The answer to the first step of an upload in two."""
        return await self.post("/v1/upload", {"file_name": "note.wav", **fields})

    async def put(self, announced: Mapping[str, Any], content: Any) -> int:
        """The status of the second step: a PUT to the signed URL, which needs no other credentials."""
        return (await self.http.put(announced["presigned_url"], content=content)).status_code

    async def announced_note(self, announced: Mapping[str, Any]) -> dict[str, Any]:
        return await self.get(f"{VOICENOTES.path}/{announced['voicenote_id']}")

    async def subscribe(self, url: str, *events: str, **more: str) -> dict[str, Any]:
        """A webhook."""
        body = {"url": url, "events": events or ("voicenote.transcribed",), **more}
        return await self.post("/v1/webhooks", body)

    async def ids(self, uri: str) -> list[str]:
        """The ids of a page's items."""
        items = next(iter((await self.get(uri)).values()))
        return [item["id"] for item in items]

    async def token(self, **fields: object) -> "ApiUser":
        """A front end with a token of this tenant."""
        body = await self.post("/v1/token", {"user_id": "user_12345", **fields}, status=200)
        return ApiUser(self.http, {"Authorization": f"Bearer {body['token']}"}, self.tenant_id)

    def with_one_key(self) -> "ApiUser":
        """The same, with the key pair as one bearer token."""
        pair = ":".join(self.headers[name] for name in ("X-VocaFuse-API-Key", "X-VocaFuse-API-Secret"))
        return ApiUser(self.http, {"Authorization": f"Bearer {pair}"}, self.tenant_id)

    async def with_scopes(self, *scopes: str) -> "ApiUser":
        """Another key pair of this tenant, which holds these scopes alone."""
        made = await self.post("/v1/account/api-keys", {"scopes": scopes})
        return ApiUser(self.http, key_headers(made["api_key"], made["api_secret"]), self.tenant_id)


def key_headers(api_key: str, api_secret: str) -> dict[str, str]:
    return {"X-VocaFuse-API-Key": api_key, "X-VocaFuse-API-Secret": api_secret}


@dataclass(frozen=True)
class Service:
    """The running app and its worker, on a clock that the tests move."""

    api: Api
    database_url: str
    clock: SettableClock
    jobs: App = field(repr=False)

    async def new_user(self, *, plan: Plan = Plan.ENTERPRISE) -> ApiUser:
        """The backend of a fresh tenant."""
        account = await make_account(self.api.context.database, plan=plan)
        return ApiUser(self.api.http, account.headers, str(account.id))

    async def work(self) -> None:
        """Run every job whose time has come, and those that these make."""
        await self.jobs.run_worker_async(
            queues=[queue.value for queue in Queue],
            wait=False,
            listen_notify=False,
            install_signal_handlers=False,
            delete_jobs="successful",
        )

    async def told(self, listener: Listener) -> Received:
        """What a webhook's receiver gets next, once the worker has run."""
        await self.work()
        return listener.next()

    async def transcribed(self, user: ApiUser, **fields: Any) -> dict[str, Any]:
        """A note that has been uploaded and transcribed."""
        note = await user.upload(**fields)
        await self.work()
        return await user.get(note["uri"])

    async def forget_jobs(self) -> None:
        async with self.api.context.database.transaction() as session:
            await session.execute(text("DELETE FROM procrastinate_jobs"))

    async def is_kept(self, note_id: str) -> bool:
        """Whether the database still has a note."""
        async with self.api.context.database.transaction() as session:
            found = await session.scalar(text("SELECT 1 FROM notes WHERE id = :id"), {"id": note_id})
        return found is not None

    def client(self, user: ApiUser, **options: Any) -> Client:
        """The client library of a user, to be used in a thread."""
        transport = LoopTransport(httpx2.ASGITransport(self.api.app), asyncio.get_running_loop())
        key, secret = (user.headers[name] for name in ("X-VocaFuse-API-Key", "X-VocaFuse-API-Secret"))
        return Client(key, secret, "http://notes.test/v1", transport=transport, **options)
