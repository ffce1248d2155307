"""Two tenants with interleaved data: whatever is called in whatever order, neither sees the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from support.app import Account, Api, SettableClock, make_account
from support.clips import AUDIO
from support.notes import make_note
from support.published import assert_is_published, error_of

from vocafuse_server.core.clock import utc_now
from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import new_uuid

CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()
USERS = ("ann", "bob")  # Both tenants have users of these names.
NOTE_PATHS = ("", "/transcription", "/audio")


@pytest.fixture
def clock() -> SettableClock:
    """Begins today, since tokens are checked against the real time."""
    return SettableClock(utc_now())


@dataclass
class ExpectedNote:
    """What a note must look like to those who may see it."""

    user: str | None
    status: str
    tag: str
    text: str | None = None


@dataclass
class Tenant:
    """An account, and all that it must have by what was called."""

    account: Account
    mark: str
    notes: dict[str, ExpectedNote] = field(default_factory=dict[str, ExpectedNote])
    hooks: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    ever: set[str] = field(default_factory=set[str])
    uploads: int = 0


@dataclass
class Actor:
    """A key pair or a user's token of one tenant, and what must never be in an answer to it."""

    tenant: Tenant
    other: Tenant
    user: str | None
    headers: dict[str, str]
    remaining: int | None = None
    once: dict[str, str] = field(default_factory=dict[str, str])

    def sees(self, note: ExpectedNote) -> bool:
        return self.user is None or note.user == self.user

    def hidden(self) -> set[str]:
        """Every id and text of the other tenant, and of the own tenant's other users."""
        theirs = self.other.ever | {str(self.other.account.id), self.other.mark}
        theirs.add(self.other.account.key_pair.api_key)
        return theirs | {note_id for note_id, note in self.tenant.notes.items() if not self.sees(note)}


@dataclass(frozen=True)
class Step:
    """One call: what, by which actor, on which of the things there are, and in which variant."""

    kind: str
    actor: int
    pick: int
    variant: int


class World:
    """Two tenants, six actors, and calls that are compared with what must come of them."""

    def __init__(self, api: Api, tenants: tuple[Tenant, Tenant], actors: list[Actor]) -> None:
        self.api = api
        self.tenants = tenants
        self.actors = actors

    async def call(self, actor: Actor, method: str, path: str, **sent: Any) -> httpx2.Response:
        """One call, whose answer holds nothing that is hidden and counts for this actor alone."""
        headers = {**actor.headers, **sent.pop("headers", {})}
        answer = await self.api.http.request(method, path, headers=headers, **sent)
        shown = answer.content + str(answer.headers).encode()
        assert not [one for one in actor.hidden() if one.encode() in shown], (method, path, answer.text)
        assert_is_published(answer.status_code, answer.headers, answer.content, path=path)
        remaining = int(answer.headers["X-RateLimit-Remaining"])
        assert actor.remaining is None or remaining == actor.remaining - 1
        actor.remaining = remaining
        return answer

    def note_of(self, tenant: Tenant, pick: int) -> str:
        ids = sorted(tenant.notes)
        return ids[pick % len(ids)] if ids else str(new_uuid())

    async def announce(self, actor: Actor, step: Step) -> None:
        asked: dict[str, Any] = {
            "file_name": f"{actor.tenant.mark}.wav",
            "custom_tags": {"t": str(step.pick % 2)},
        }
        asked["user_id"] = USERS[step.variant % 2]
        key = f"k{step.pick % 3}{step.variant % 2}"
        answer = await self.call(actor, "POST", "/v1/upload", json=asked, headers={"Idempotency-Key": key})
        if key + str(asked) in actor.once:  # The same call again: its first answer, not another tenant's.
            assert answer.json()["voicenote_id"] == actor.once[key + str(asked)]
            return
        if answer.status_code == 409:
            assert any(used.startswith(key) for used in actor.once)
            return
        note_id = answer.json()["voicenote_id"]
        assert "Idempotent-Replayed" not in answer.headers
        actor.once[key + str(asked)] = note_id
        actor.tenant.ever.add(note_id)
        user = actor.user or asked["user_id"]
        actor.tenant.notes[note_id] = ExpectedNote(user, "created", str(step.pick % 2))

    async def upload(self, actor: Actor, step: Step) -> None:
        tag = str(step.pick % 2)
        answer = await self.call(
            actor,
            "POST",
            ("/v1/voicenotes", "/v1/recordings")[step.variant % 2],
            files={"file": (f"{actor.tenant.mark}.wav", CLIP)},
            data={"custom_tags": f'{{"t": "{tag}"}}', "user_id": USERS[step.variant % 2]},
        )
        note = answer.json()
        actor.tenant.ever.add(note["id"])
        actor.tenant.uploads += 1
        user = actor.user or USERS[step.variant % 2]
        actor.tenant.notes[note["id"]] = ExpectedNote(user, "processing", tag)

    async def transcribed(self, actor: Actor, step: Step) -> None:
        """A note that a worker has finished, written as one would."""
        tenant, user, tag = actor.tenant, USERS[step.variant % 2], str(step.pick % 2)
        text = f"shared words {tenant.mark}"
        async with self.api.context.database.transaction() as session:
            made = await make_note(
                session,
                tenant.account.id,
                created_at=self.api.context.clock(),
                identity=user,
                tags={"t": tag},
                text=text,
                file_name=f"{tenant.mark}.wav",
            )
        tenant.ever.add(str(made))
        tenant.notes[str(made)] = ExpectedNote(user, "transcribed", tag, text)

    async def list_notes(self, actor: Actor, step: Step) -> None:
        """A list, narrowed in one of several ways; all of it, and its exact total."""
        user, tag = USERS[step.pick % 2], str(step.pick % 2)
        narrowed: tuple[tuple[dict[str, str], Callable[[ExpectedNote], bool]], ...] = (
            ({}, lambda note: True),
            ({"status": "processing"}, lambda note: note.status == "processing"),
            ({"status": "completed"}, lambda note: note.status == "transcribed"),
            ({"tag.t": tag}, lambda note: note.tag == tag),
            ({"user_id": user}, lambda note: actor.user is not None or note.user == user),
            ({"q": "shared"}, lambda note: note.text is not None),
            ({"date_from": "2020-01-01", "tag.t": tag}, lambda note: note.tag == tag),
        )
        query, wanted = narrowed[step.variant % len(narrowed)]
        collection = ("voicenotes", "recordings")[step.pick % 2]
        answer = await self.call(actor, "GET", f"/v1/{collection}", params={**query, "limit": "100"})
        expected = {
            note_id
            for note_id, note in actor.tenant.notes.items()
            if note.status != "created" and actor.sees(note) and wanted(note)
        }
        page = answer.json()
        assert ({note["id"] for note in page[collection]}, page["total"]) == (expected, len(expected))

    async def read_note(self, actor: Actor, step: Step) -> None:
        part = NOTE_PATHS[step.variant % 3]
        note_id = self.note_of(actor.tenant, step.pick)
        answer = await self.call(actor, "GET", f"/v1/voicenotes/{note_id}{part}")
        note = actor.tenant.notes.get(note_id)
        if note is None or not actor.sees(note):
            assert error_of(answer.status_code, answer.content)["code"] == 3001
        elif part == "":
            assert (answer.json()["id"], answer.json()["status"]) == (note_id, note.status)
        elif part == "/transcription" and note.status == "transcribed":
            assert answer.json()["text"] == note.text

    async def reach_across(self, actor: Actor, step: Step) -> None:
        """The other tenant's note in every call that takes one: as unknown as one that never was."""
        method, part = (("GET", NOTE_PATHS[step.variant % 3]), ("DELETE", ""))[step.variant % 5 == 0]
        answers = [
            await self.call(actor, method, f"/v1/voicenotes/{note_id}{part}")
            for note_id in (self.note_of(actor.other, step.pick), str(new_uuid()))
        ]
        found = [error_of(answer.status_code, answer.content) for answer in answers]
        assert [error["code"] for error in found] in ([3001, 3001], [1004, 1004])
        assert found[0] == {**found[1], "request_id": found[0]["request_id"]}

    async def transcribe(self, actor: Actor, step: Step) -> None:
        note_id = self.note_of((actor.tenant, actor.other)[step.variant % 2], step.pick)
        answer = await self.call(actor, "POST", f"/v1/voicenotes/{note_id}/transcribe")
        note = actor.tenant.notes.get(note_id)
        if note is None or not actor.sees(note):
            assert answer.status_code in {403, 404}
        elif answer.status_code == 202:
            note.status = "processing"

    async def delete_note(self, actor: Actor, step: Step) -> None:
        note_id = self.note_of(actor.tenant, step.pick)
        answer = await self.call(actor, "DELETE", f"/v1/voicenotes/{note_id}")
        note = actor.tenant.notes.get(note_id)
        if note is not None and actor.sees(note) and answer.status_code != 403:
            assert answer.status_code == 204
            del actor.tenant.notes[note_id]

    async def create_hook(self, actor: Actor, step: Step) -> None:
        url = f"https://93.184.215.14/{step.pick % 3}"  # The other tenant may have told the same one.
        answer = await self.call(
            actor,
            "POST",
            "/v1/webhooks",
            json={"url": url, "events": ["voicenote.created", "recording.deleted"]},
        )
        if actor.user is not None:
            assert answer.status_code == 403
        elif url in actor.tenant.hooks.values():
            assert answer.status_code == 409
        else:
            assert answer.status_code == 201
            actor.tenant.ever.add(answer.json()["id"])
            actor.tenant.hooks[answer.json()["id"]] = url

    async def use_hook(self, actor: Actor, step: Step) -> None:
        """One of the calls on one webhook, which may be the other tenant's."""
        own = bool(step.variant % 3)
        hooks = sorted((actor.tenant if own else actor.other).hooks)
        if not hooks:
            return
        hook_id = hooks[step.pick % len(hooks)]
        method, part, sent = (
            ("GET", "", None),
            ("PUT", "", {"events": ["voicenote.created"]}),
            ("POST", "/test", None),
            ("POST", "/rotate-secret", {"secret": actor.tenant.mark}),
            ("GET", "/deliveries", None),
            ("DELETE", "", None),
        )[step.variant % 6]
        answer = await self.call(actor, method, f"/v1/webhooks/{hook_id}{part}", json=sent)
        if actor.user is not None:
            assert answer.status_code == 403
        elif not own:
            assert error_of(answer.status_code, answer.content)["code"] == 3004
        else:
            assert answer.status_code in {200, 202, 204, 409}
            await self.read_deliveries(actor, hook_id, answer)
            if method == "DELETE":
                del actor.tenant.hooks[hook_id]

    async def read_deliveries(self, actor: Actor, hook_id: str, answer: httpx2.Response) -> None:
        """Each delivery is of this webhook; the other tenant can't reach it by its own webhooks' path."""
        page: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        deliveries: list[dict[str, Any]] = page.get("deliveries", [])
        for delivery in deliveries[:3]:
            actor.tenant.ever.add(delivery["id"])
            assert delivery["webhook_id"] == hook_id
            detail = await self.call(actor, "GET", delivery["uri"])
            assert detail.json()["payload"]["event"] == delivery["event"]
            stranger = next(one for one in self.actors if one.tenant is actor.other and one.user is None)
            for theirs in (hook_id, *sorted(actor.other.hooks)[:1]):
                path = f"/v1/webhooks/{theirs}/deliveries/{delivery['id']}"
                for method, part in (("GET", ""), ("POST", "/redeliver")):
                    assert (await self.call(stranger, method, path + part)).status_code == 404

    async def make_key(self, actor: Actor, step: Step) -> None:
        answer = await self.call(actor, "POST", "/v1/account/api-keys", json={"name": actor.tenant.mark})
        assert answer.status_code == (201 if actor.user is None else 403)
        if answer.status_code == 201:
            made = answer.json()
            actor.tenant.ever |= {made["id"], made["api_key"]}
            actor.tenant.keys[made["id"]] = "active"

    async def use_key(self, actor: Actor, step: Step) -> None:
        own = bool(step.variant % 3)
        ids = sorted((actor.tenant if own else actor.other).keys)
        if not ids or actor.user is not None:
            return
        key_id = ids[step.pick % len(ids)]
        method = ("GET", "DELETE")[step.variant % 2]
        answer = await self.call(actor, method, f"/v1/account/api-keys/{key_id}")
        if not own:
            assert error_of(answer.status_code, answer.content)["code"] == 3005
        elif method == "DELETE":
            assert answer.status_code == (204 if actor.tenant.keys[key_id] == "active" else 404)
            actor.tenant.keys[key_id] = "revoked"

    async def use_account(self, actor: Actor, step: Step) -> None:
        sent = (
            {"json": {"name": actor.tenant.mark, "settings": {"a": actor.tenant.mark}}}
            if step.variant % 2
            else {}
        )
        answer = await self.call(actor, "PUT" if sent else "GET", "/v1/account", **sent)
        if actor.user is not None:
            assert answer.status_code == 403
            return
        body = answer.json()
        assert body["id"] == str(actor.tenant.account.id)
        assert body["usage"]["current_month"]["voicenotes_count"] == actor.tenant.uploads

    async def look_at_all(self) -> None:
        """At the end everybody has all that is theirs, and no more: nothing was changed from outside."""
        for actor in self.actors:
            await self.list_notes(actor, Step("", 0, 0, 0))
            await self.list_notes(actor, Step("", 0, 1, 1))
            if actor.user is None:
                await self.use_account(actor, Step("", 0, 0, 0))
                hooks = (await self.call(actor, "GET", "/v1/webhooks")).json()
                assert {hook["id"]: hook["url"] for hook in hooks["webhooks"]} == actor.tenant.hooks
                assert hooks["total"] == len(actor.tenant.hooks)
                keys = (await self.call(actor, "GET", "/v1/account/api-keys")).json()
                active = {key for key, status in actor.tenant.keys.items() if status == "active"}
                assert active < {key["id"] for key in keys["api_keys"]}
                assert keys["total"] == len(active) + 1

    async def do(self, step: Step) -> None:
        calls: dict[str, Callable[[Actor, Step], Awaitable[None]]] = {
            kind: getattr(self, kind) for kind in KINDS
        }
        await calls[step.kind](self.actors[step.actor], step)


KINDS = (
    *("announce", "upload", "upload", "transcribed", "transcribed", "list_notes", "list_notes", "read_note"),
    *("reach_across", "reach_across", "transcribe", "delete_note", "create_hook", "create_hook", "use_hook"),
    *("use_hook", "use_hook", "make_key", "use_key", "use_account"),
)


async def make_world(api: Api, database: Database) -> World:
    """Two fresh tenants with a key pair and two users' tokens each."""
    one, two = [Tenant(await make_account(database), f"mark{new_uuid().hex}") for _ in range(2)]
    actors: list[Actor] = []
    for tenant, other in ((one, two), (two, one)):
        for user in (None, *USERS):
            headers = tenant.account.headers
            if user is not None:
                asked = {"user_id": user}
                answer = await api.http.post("/v1/token", headers=tenant.account.headers, json=asked)
                headers = {"Authorization": f"Bearer {answer.json()['token']}"}
            actors.append(Actor(tenant, other, user, headers))
    # Asking for the tokens has been counted; from here on each counts for itself.
    return World(api, (one, two), actors)


steps = st.builds(Step, st.sampled_from(KINDS), st.integers(0, 5), st.integers(0, 9), st.integers(0, 41))


@given_settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(steps, min_size=15, max_size=40))
async def test_neither_tenant_sees_a_trace_of_the_other(
    api: Api, database: Database, sequence: list[Step]
) -> None:
    world = await make_world(api, database)
    for step in sequence:
        await world.do(step)
    await world.look_at_all()
