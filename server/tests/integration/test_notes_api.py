"""Listing, filtering, getting and deleting notes, in both spellings."""

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from support.app import NOON, Account, Api, SettableClock
from support.clips import AUDIO
from support.notes import make_note

from vocafuse_server.core.clock import utc_now

EACH_NOTE = [
    ("GET", ""),
    ("GET", "/transcription"),
    ("GET", "/audio"),
    ("POST", "/transcribe"),
    ("DELETE", ""),
]
CLIP = (AUDIO / "whats-the-weather-like.wav").read_bytes()


async def upload(api: Api, account: Account, **data: str) -> dict[str, str]:
    answer = await api.http.post(
        "/v1/voicenotes", headers=account.headers, files={"file": ("a.wav", CLIP)}, data=data
    )
    assert answer.status_code == 201, answer.text
    note: dict[str, str] = answer.json()
    return note


async def test_pages_name_their_neighbours(api: Api, account: Account) -> None:
    notes = [await upload(api, account) for _ in range(5)]
    ids = [note["id"] for note in reversed(notes)]
    for number, (previous, following, wanted) in enumerate(
        [(None, 1, ids[:2]), (0, 2, ids[2:4]), (1, None, ids[4:]), (2, None, [])]
    ):
        uri = f"/v1/voicenotes?page={number}&limit=2"
        page = (await api.http.get(uri, headers=account.headers)).json()
        assert [note["id"] for note in page.pop("voicenotes")] == wanted
        assert page == {
            "uri": uri,
            "first_page_uri": "/v1/voicenotes?page=0&limit=2",
            "next_page_uri": following and f"/v1/voicenotes?page={following}&limit=2",
            "previous_page_uri": None if previous is None else f"/v1/voicenotes?page={previous}&limit=2",
            "page": number,
            "page_size": len(wanted),
            "total": 5,
        }


async def test_filters_narrow_and_stay_in_the_uris(api: Api, account: Account, clock: SettableClock) -> None:
    clock.now = datetime.fromisoformat("2025-10-01T23:59:59.900+00:00")
    old = await upload(api, account, user_id="ann")
    clock.advance(timedelta(days=1))
    new = await upload(api, account, user_id="bob")

    async def ids(**query: str) -> list[str]:
        page = (await api.http.get("/v1/voicenotes", headers=account.headers, params=query)).json()
        assert all(f"{name}=" in page["first_page_uri"] for name in query)
        return [note["id"] for note in page["voicenotes"]]

    assert await ids(status="processing") == [new["id"], old["id"]]
    assert await ids(status="completed") == []
    assert await ids(user_id="ann") == [old["id"]]
    assert await ids(date_to="2025-10-01") == [old["id"]]
    assert await ids(date_from="2025-10-02") == [new["id"]]
    assert await ids(date_from="2025-10-01", date_to="2025-10-02") == [new["id"], old["id"]]
    assert await ids(date_to=old["created_at"]) == [old["id"]]  # a time that was shown includes its note
    assert await ids(date_from="2025-10-02T01:59:59+02:00", date_to="2025-10-01T23:59:59Z") == [old["id"]]


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("limit=0", "limit", "must be between 1 and 100"),
        ("limit=1000", "limit", "must be between 1 and 100"),
        ("limit=x", "limit", "must be an integer"),
        ("page=-1", "page", "must be between 0 and 2147483647"),
        ("page=99999999999999999999", "page", "must be between 0 and 2147483647"),
        ("page=" + "9" * 5000, "page", "must be an integer of reasonable size"),
        ("status=created", "status", None),
        ("status=x", "status", None),
        ("date_from=tomorrow", "date_from", None),
        ("date_to=9999-12-32", "date_to", None),
        ("limit=1_0", "limit", "must be an integer"),
        ("limit=1.0", "limit", "must be an integer"),
        ("limit=%2010", "limit", "must be an integer"),
        ("date_from=0001-01-01T00:00:00%2B23:00", "date_from", None),
        ("date_from=2025-10-02&date_to=2025-10-01", "date_from", "must not be after date_to"),
        ("user_id=%00", "user_id", None),
        ("user_id=", "user_id", None),
        ("q=", "q", None),
        ("q=%00", "q", None),
        ("status=", "status", None),
        ("date_from=", "date_from", None),
        ("limit=", "limit", "must be an integer"),
        ("limit=10&limit=10", "limit", "must be given only once"),
        ("status=failed&status=processing", "status", "must be given only once"),
        ("tag.a=1&tag.a=2", "tag.a", "must be given only once"),
        ("tag.=1", "tag.*", "must be 'tag.' and 1 to 32 of A-Z a-z 0-9 _ -"),
        ("tag.a%20b=1", "tag.*", "must be 'tag.' and 1 to 32 of A-Z a-z 0-9 _ -"),
        ("tag.a=%0A", "tag.a", "must not hold control characters"),
        ("tag.a=" + "x" * 129, "tag.a", "must have at most 128 characters"),
        ("&".join(f"tag.t{i}=1" for i in range(11)), "tag.*", None),
    ],
)
async def test_unusable_queries_are_named(
    api: Api, account: Account, query: str, field: str, reason: str | None
) -> None:
    answer = await api.http.get(f"/v1/voicenotes?{query}", headers=account.headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["name"]) == (400, 2003, "INVALID_FIELD_VALUE")
    assert error["details"]["field"] == field
    assert reason is None or error["details"]["reason"] == reason


async def test_tags_narrow_a_list_together(api: Api, account: Account) -> None:
    one = await upload(api, account, custom_tags='{"jobId": "job 1&2=3", "kind": "memo"}')
    two = await upload(api, account, custom_tags='{"kind": "memo"}', user_id="ann")
    await upload(api, account)

    async def page(query: str) -> tuple[list[str], int, str]:
        body = (await api.http.get(f"/v1/recordings?{query}", headers=account.headers)).json()
        return [note["id"] for note in body["recordings"]], body["total"], body["uri"]

    job = "tag.jobId=job+1%262%3D3"
    assert await page(job) == ([one["id"]], 1, f"/v1/recordings?page=0&limit=50&{job}")
    assert (await page("tag.kind=memo"))[:2] == ([two["id"], one["id"]], 2)
    assert (await page(f"tag.kind=memo&{job}"))[:2] == ([one["id"]], 1)
    assert (await page("tag.kind=memo&user_id=ann&status=processing"))[:2] == ([two["id"]], 1)
    assert (await page("tag.kind=Memo"))[:2] == ([], 0)
    assert (await page("tag.kind=memo&limit=1&page=1"))[:2] == ([one["id"]], 2)
    assert (await page(f"tag.kind=memo&{job}&page=7"))[:2] == ([], 1)


async def test_words_narrow_a_list_in_any_case(api: Api, account: Account, other_account: Account) -> None:
    texts = ["The birch canoe slid", "Glue the CANOE!", "Sheet of paper", "我们 去 划船"]
    async with api.context.database.transaction() as session:
        ids = [
            str(await make_note(session, account.id, created_at=NOON + timedelta(hours=hour), text=text))
            for hour, text in enumerate(texts)
        ]
        await make_note(session, other_account.id, created_at=NOON, text="canoe")

    async def found(q: str, **more: str) -> list[str]:
        answer = await api.http.get("/v1/voicenotes", headers=account.headers, params={"q": q, **more})
        body = answer.json()
        assert body["total"] == len(body["voicenotes"])
        return [note["id"] for note in body["voicenotes"]]

    assert await found("Canoe") == [ids[1], ids[0]]
    assert await found("slid canoe") == [ids[0]]
    assert await found('"canoe slid"') == [ids[0]]
    assert await found('"slid canoe"') == []
    assert await found("canoe -glue") == [ids[0]]
    assert await found("划船") == [ids[3]]
    assert await found("canoe", date_from="2026-03-15") == []
    assert await found("&|!:*()'\\") == []


async def test_a_token_lists_its_own_users_notes_whoever_it_asks_for(
    api: Api, account: Account, clock: SettableClock
) -> None:
    clock.now = utc_now()
    mine = await upload(api, account, user_id="ann", custom_tags='{"a": "1"}')
    await upload(api, account, user_id="bob", custom_tags='{"a": "1"}')
    made = await api.http.post("/v1/token", headers=account.headers, json={"user_id": "ann"})
    token = {"Authorization": f"Bearer {made.json()['token']}"}
    for query in ("", "?user_id=bob", "?tag.a=1", "?tag.a=1&user_id=bob", "?status=processing"):
        page = (await api.http.get(f"/v1/voicenotes{query}", headers=token)).json()
        assert ([note["id"] for note in page["voicenotes"]], page["total"]) == ([mine["id"]], 1)


async def test_a_page_past_the_end_is_empty_and_knows_the_total(api: Api, account: Account) -> None:
    await upload(api, account, user_id="ann")
    for query in (
        "user_id=ann",
        "status=processing",
        "date_from=2026-03-14",
        "date_from=2026-03-14T11:00:00",
    ):
        uri = f"/v1/voicenotes?page=2147483647&limit=100&{query}"
        page = (await api.http.get(uri, headers=account.headers)).json()
        assert (page["voicenotes"], page["total"], page["page_size"]) == ([], 1, 0)
        assert page["next_page_uri"] is None
        assert page["previous_page_uri"].startswith("/v1/voicenotes?page=2147483646&limit=100&")


@pytest.mark.parametrize("query", ["user_id=%FF", "%FF=1", "q=%C3%28"])
async def test_a_query_that_is_no_text_is_malformed(api: Api, account: Account, query: str) -> None:
    answer = await api.http.get(f"/v1/voicenotes?{query}", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 2001)


@pytest.mark.parametrize("bad", ["rec_123", str(UUID(int=0)), "%00", "a" * 300, "é", "1"])
@pytest.mark.parametrize(
    ("collection", "name", "message"),
    [
        ("voicenotes", "VOICENOTE_NOT_FOUND", "Voice note not found"),
        ("recordings", "RECORDING_NOT_FOUND", "Recording not found"),
    ],
)
async def test_anything_else_is_an_unknown_id(
    api: Api, account: Account, bad: str, collection: str, name: str, message: str
) -> None:
    for method, path in EACH_NOTE:
        answer = await api.http.request(method, f"/v1/{collection}/{bad}{path}", headers=account.headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (404, 3001)
        assert (error["name"], error["message"]) == (name, message)


async def test_recordings_are_the_same_notes_in_other_words(api: Api, account: Account) -> None:
    note = await upload(api, account)
    as_recording = (await api.http.get(f"/v1/recordings/{note['id']}", headers=account.headers)).json()
    assert as_recording["uri"] == f"/v1/recordings/{note['id']}"
    assert as_recording["subresource_uris"] == {"transcription": f"/v1/recordings/{note['id']}/transcription"}
    renamed = {name: str(value).replace("recordings", "voicenotes") for name, value in as_recording.items()}
    assert renamed == {name: str(value) for name, value in note.items()}
    page = (await api.http.get("/v1/recordings?limit=1", headers=account.headers)).json()
    assert [one["id"] for one in page["recordings"]] == [note["id"]]
    assert page["uri"] == "/v1/recordings?page=0&limit=1"


async def test_a_transcription_that_is_not_ready_says_so(api: Api, account: Account) -> None:
    note = await upload(api, account)
    answer = await api.http.get(f"/v1/recordings/{note['id']}/transcription", headers=account.headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["name"]) == (404, 3002, "TRANSCRIPTION_NOT_READY")
    assert "transcription" in error["message"]
    assert "recording" not in error["message"].lower()


async def test_a_deleted_note_is_gone(api: Api, account: Account) -> None:
    note = await upload(api, account)
    answer = await api.http.delete(f"/v1/voicenotes/{note['id']}", headers=account.headers)
    assert (answer.status_code, answer.content) == (204, b"")
    for method in ("GET", "DELETE"):
        again = await api.http.request(method, f"/v1/voicenotes/{note['id']}", headers=account.headers)
        assert again.status_code == 404
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"] == 0


async def test_the_audio_comes_back_as_it_was_sent(
    api: Api, account: Account, other_account: Account
) -> None:
    note = await upload(api, account)
    whole = await api.http.get(f"{note['uri']}/audio", headers=account.headers)
    assert (whole.status_code, whole.content) == (200, CLIP)
    assert whole.headers["Content-Type"] == "audio/wav"
    assert whole.headers["Content-Length"] == str(len(CLIP))
    assert whole.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a.wav"
    for asked, part in (
        ("bytes=10-19", slice(10, 20)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=44-", slice(44, None)),
    ):
        answer = await api.http.get(f"{note['uri']}/audio", headers={**account.headers, "Range": asked})
        assert (answer.status_code, answer.content) == (206, CLIP[part])
        start, end, _ = part.indices(len(CLIP))
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CLIP)}"
    beyond = {**account.headers, "Range": f"bytes={len(CLIP)}-"}
    answer = await api.http.get(f"{note['uri']}/audio", headers=beyond)
    assert (answer.status_code, answer.json()["error"]["code"]) == (416, 2003)
    changed = {**account.headers, "Range": "bytes=0-1", "If-Range": '"another"'}
    assert (await api.http.get(f"{note['uri']}/audio", headers=changed)).status_code == 200
    assert (await api.http.get(f"{note['uri']}/audio", headers=other_account.headers)).status_code == 404


async def test_audio_that_was_deleted_a_moment_ago_is_not_found(api: Api, account: Account) -> None:
    note = await upload(api, account)
    await api.context.objects.delete(note["s3_key"])  # As the job does, while the request is under way.
    answer = await api.http.get(f"{note['uri']}/audio", headers=account.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, 3000)


async def test_a_slow_store_holds_no_connection_to_the_database(api: Api, account: Account) -> None:
    note = await upload(api, account)
    async with AsyncExitStack() as stack:
        for _ in range(api.context.settings.database_pool_size - 1):  # One is for single rows.
            session = await stack.enter_async_context(api.context.database.transaction())
            await session.execute(text("SELECT 1"))
        answer = await api.http.get(f"{note['uri']}/audio", headers=account.headers)
    assert (answer.status_code, answer.content) == (200, CLIP)


async def test_the_audio_url_of_an_upload_is_where_the_audio_will_be(api: Api, account: Account) -> None:
    asked = {"file_name": "Früh am Morgen.wav"}
    made = (await api.http.post("/v1/upload", headers=account.headers, json=asked)).json()
    early = await api.http.get(made["audio_url"], headers=account.headers)
    assert (early.status_code, early.json()["error"]["code"]) == (404, 3000)
    await api.http.put(made["presigned_url"], content=CLIP)
    answer = await api.http.get(made["audio_url"], headers=account.headers)
    assert (answer.status_code, answer.content) == (200, CLIP)
    assert answer.headers["Content-Disposition"].endswith("Fr%C3%BCh%20am%20Morgen.wav")


async def test_other_tenants_notes_do_not_exist(api: Api, account: Account, other_account: Account) -> None:
    note = await upload(api, account)
    for method, path in EACH_NOTE:
        answer = await api.http.request(
            method, f"/v1/voicenotes/{note['id']}{path}", headers=other_account.headers
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, 3001)
    assert (await api.http.get("/v1/voicenotes", headers=other_account.headers)).json()["total"] == 0
    assert (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"] == 1
