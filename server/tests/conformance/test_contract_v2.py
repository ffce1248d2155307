"""The contract on v2: what document 004 leaves open."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from support.clips import AUDIO
from support.web import redirect, response

from conformance.promises import VOICENOTES, promise
from conformance.service import SPOKEN, ApiUser, Service
from conformance.voice_notes import PATH, Sites, completed, create, refusal, titles

ACCESS = "v2: Access"
ERRORS = "v2: Errors"
AUDIO_URL = "v2: audioUrl"
FIELDS = "v2: Fields"
LISTS = "v2: Lists"
DELETING = "v2: Deleting"
TRANSCRIBING = "v2: Transcribing"
DIALECTS = "v2: One note, two dialects"
ELSEWHERE = "https://cdn.lvng.ai/a.webm"


async def failure(lvng: ApiUser, service: Service, url: str) -> str:
    """Why a note whose audio is at the URL fails."""
    note = await create(lvng, audioUrl=url)
    await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    await service.work()
    message: str = (await refusal(lvng, "GET", f"/{note['id']}/transcript", 404))["message"]
    return message


@promise("contract", ACCESS, "`<api_key>:<api_secret>` as bearer sees the whole account")
async def test_a_key_pair_is_a_bearer(user: ApiUser, lvng: ApiUser) -> None:
    await create(lvng, title="the user's")
    backend = user.with_one_key()
    assert (await create(backend, title="the account's"))["user_id"] == user.tenant_id
    assert await titles(backend) == ["the account's", "the user's"]
    assert await titles(lvng) == ["the user's"]
    wrong = ApiUser(user.http, {"Authorization": f"{backend.headers['Authorization']}x"})
    assert (await refusal(wrong, "GET", "", 401))["error"] == "Unauthorized"


@promise("contract", ACCESS, "A token without the scope is refused: 403")
async def test_a_reader_can_not_write(user: ApiUser) -> None:
    reader = await user.token(user_id="ann", scopes=["voice-api.read_recording"])
    assert (await refusal(reader, "POST", "", 403, json={"audioUrl": ELSEWHERE}))["error"] == "Forbidden"


@promise(
    "contract", ERRORS, "`success`, `error` and `message`, with the headers of v1, also on unknown paths"
)
async def test_errors_have_one_form(lvng: ApiUser) -> None:
    for method, path, status, error in [
        ("GET", f"/{uuid4()}", 404, "Voice note not found"),
        ("GET", "/not-an-id", 404, "Voice note not found"),
        ("GET", "/a/b/c", 404, "Not found"),
        ("DELETE", "", 405, "Method not allowed"),
        ("POST", "", 400, "Invalid request"),
    ]:
        assert (await refusal(lvng, method, path, status))["error"] == error
    answer = await lvng.call("GET", "/api/v2/nonsense")
    assert (answer.status_code, list(answer.json())) == (404, ["success", "error", "message"])
    for header in ("X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"):
        assert header in answer.headers


@promise("contract", ERRORS, "A body that is too large: 413")
async def test_large_bodies_are_refused(lvng: ApiUser) -> None:
    body = {"audioUrl": ELSEWHERE, "title": "x" * 300_000}
    assert (await refusal(lvng, "POST", "", 413, json=body))["error"] == "Payload too large"


@promise("contract", AUDIO_URL, "An upload's audio is copied, so that each note owns its own")
async def test_an_upload_is_copied(user: ApiUser, lvng: ApiUser) -> None:
    clip = (AUDIO / SPOKEN).read_bytes()
    upload = await lvng.announce()
    await lvng.http.put(upload["presigned_url"], content=clip)
    note = await create(lvng, audioUrl=upload["audio_url"])
    await user.call("DELETE", f"{VOICENOTES.path}/{upload['voicenote_id']}")
    answer = await user.call("GET", f"{VOICENOTES.path}/{note['id']}/audio")
    assert answer.content == clip


@promise("contract", AUDIO_URL, "Somebody else's upload, or one that has not arrived: 400")
async def test_other_uploads_are_refused(user: ApiUser, lvng: ApiUser, other: ApiUser) -> None:
    waiting = (await lvng.announce())["audio_url"]
    urls = [waiting]
    for somebody in (await user.token(user_id="bob"), other):
        upload = await somebody.announce()
        await somebody.http.put(upload["presigned_url"], content=(AUDIO / SPOKEN).read_bytes())
        urls.append(upload["audio_url"])
    for url in urls:
        assert "audioUrl" in (await refusal(lvng, "POST", "", 400, json={"audioUrl": url}))["message"]


@promise("contract", AUDIO_URL, "Other schemes than http and https, and private addresses: 400 at creation")
async def test_unusable_urls_are_refused(lvng: ApiUser) -> None:
    for url in ("ftp://example.com/a", "file:///etc/passwd", "http://10.0.0.1/a", "http://169.254.169.254/"):
        assert "audioUrl" in (await refusal(lvng, "POST", "", 400, json={"audioUrl": url}))["message"]


@promise(
    "contract", AUDIO_URL, "A redirect to a private address, or a fourth one, fails the note with the reason"
)
async def test_redirects_are_checked(service: Service, lvng: ApiUser, sites: Sites) -> None:
    sites.site.answers["/in"] = redirect("http://10.0.0.1/clip.wav")
    assert "private" in await failure(lvng, service, sites.site.url("/in"))
    sites.clip()
    for number in range(4):
        sites.site.answers[f"/{number}"] = redirect(f"/{number - 1}" if number else f"/{SPOKEN}")
    assert "redirects more than 3 times" in await failure(lvng, service, sites.site.url("/3"))
    note = await create(lvng, audioUrl=sites.site.url("/2"))
    await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    await service.work()
    assert (await lvng.get(f"{PATH}/{note['id']}"))["voiceNote"]["status"] == "completed"


@promise("contract", AUDIO_URL, "More than 25 MB, or what is no audio, fails the note with the reason")
async def test_unusable_answers_fail_the_note(service: Service, lvng: ApiUser, sites: Sites) -> None:
    size = 25 * 1024 * 1024 + 1
    sites.site.answers["/large"] = response(b"", f"Content-Length: {size}")
    sites.site.answers["/page"] = response(b"<html>Log in</html>")
    assert "larger than the 25 MiB" in await failure(lvng, service, sites.site.url("/large"))
    assert "not an audio file" in await failure(lvng, service, sites.site.url("/page"))


@promise(
    "contract", FIELDS, "At most 50 tags of 64 characters, 16 KiB of metadata, a duration of 0 or more, UUIDs"
)
async def test_fields_have_limits(lvng: ApiUser) -> None:
    good: list[dict[str, Any]] = [
        {"tags": ["x" * 64] * 50},
        {"metadata": {"a": "x" * (16 * 1024 - 8)}},
        {"duration": 0},
    ]
    for fields in good:
        await create(lvng, **fields)
    bad: list[dict[str, Any]] = [
        {"tags": ["x"] * 51},
        {"tags": ["x" * 65]},
        {"metadata": {"a": "x" * (16 * 1024)}},
        {"duration": -1},
        {"workspaceId": "7"},
        {"title": 7},
    ]
    for fields in bad:
        [name] = fields
        body = {"audioUrl": ELSEWHERE, **fields}
        assert name in (await refusal(lvng, "POST", "", 400, json=body))["message"]


@promise("contract", FIELDS, "`duration` is the client's until the note is completed, then the measured one")
async def test_duration_is_measured(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await create(lvng, audioUrl=sites.clip(), duration=45)
    assert note["duration"] == 45
    done = await completed(service, lvng, sites, duration=45)
    assert 0.5 < done["duration"] < 5


@promise("contract", LISTS, "`%` and `_` are plain characters in `search`")
async def test_wildcards_are_plain(lvng: ApiUser) -> None:
    await create(lvng, title="100% done")
    await create(lvng, title="snake_case")
    assert await titles(lvng, "?search=%25") == ["100% done"]
    assert await titles(lvng, "?search=_") == ["snake_case"]


@promise(
    "contract", LISTS, "`limit` is 1 to 100, `offset` 0 or more; a bad one, or a bad status or workspace: 400"
)
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "offset=-1", "status=done", "workspaceId=7"]
)
async def test_bad_parameters_are_refused(lvng: ApiUser, query: str) -> None:
    assert query.partition("=")[0] in (await refusal(lvng, "GET", f"?{query}", 400))["message"]


@promise(
    "contract", DELETING, "A deleted note leaves every list and get of both dialects; v1's DELETE is final"
)
async def test_deleted_notes_leave_both_dialects(
    service: Service, user: ApiUser, lvng: ApiUser, sites: Sites
) -> None:
    for path in (PATH, VOICENOTES.path):
        note = await completed(service, lvng, sites)
        await lvng.call("DELETE", f"{path}/{note['id']}")
        await refusal(lvng, "GET", f"/{note['id']}", 404)
        await user.refused("GET", f"{VOICENOTES.path}/{note['id']}", 404)
        assert (await user.get(VOICENOTES.path))["total"] == (await lvng.get(PATH))["total"] == 0
        assert await service.is_kept(note["id"]) is (path == PATH)


@promise("contract", TRANSCRIBING, "A note that is being transcribed already: 200, and one job, not two")
async def test_one_job_not_two(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await create(lvng, audioUrl=sites.clip())
    path = f"{PATH}/{note['id']}/transcribe"
    for answer in await asyncio.gather(*(lvng.post(path, status=200) for _ in range(3))):
        assert answer["status"] == "processing"
    await service.work()
    assert len(sites.site.asked) == 1


@promise(
    "contract", TRANSCRIBING, "A completed note is transcribed anew; its transcript is 404 until it is done"
)
async def test_completed_notes_are_done_again(service: Service, lvng: ApiUser, sites: Sites) -> None:
    note = await completed(service, lvng, sites)
    await lvng.post(f"{PATH}/{note['id']}/transcribe", status=200)
    await refusal(lvng, "GET", f"/{note['id']}/transcript", 404)
    await service.work()
    again = await lvng.get(f"{PATH}/{note['id']}/transcript")
    assert again["transcript"] == note["transcript"]


@promise(
    "contract", DIALECTS, "A note of v2 is one of v1 and the other way round: `completed` is `transcribed`"
)
async def test_a_note_is_in_both_dialects(
    service: Service, user: ApiUser, lvng: ApiUser, sites: Sites
) -> None:
    note = await completed(service, lvng, sites, tags=["plain"])
    seen = await user.get(f"{VOICENOTES.path}/{note['id']}")
    assert (seen["status"], seen["user_id"], seen["custom_tags"]) == ("transcribed", note["user_id"], None)
    made = await lvng.upload(custom_tags='{"jobId": "1"}')
    await service.work()
    shown = (await lvng.get(f"{PATH}/{made['id']}"))["voiceNote"]
    assert (shown["status"], shown["tags"], shown["mime_type"]) == ("completed", [], "audio/wav")
