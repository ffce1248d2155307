"""One note, two dialects: what each sees of what is made in the other."""

from sqlalchemy import text
from support.app import Account, Api
from support.voice_notes import CLIP, ELSEWHERE, Lvng, complete

from vocafuse_server.core.database import Database
from vocafuse_server.core.ids import new_uuid


async def test_a_deleted_note_is_gone_from_both_dialects_and_its_data_stays(
    api: Api, account: Account, ann: Lvng, database: Database
) -> None:
    note = await ann.create(audioUrl=await ann.upload())
    await ann.ask("POST", f"/{note['id']}/transcribe")
    before = (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"]
    answer = await ann.ask("DELETE", f"/{note['id']}")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "message": "Voice note deleted"})
    uri = f"/v1/voicenotes/{note['id']}"
    for path in (uri, f"{uri}/transcription", f"{uri}/audio"):
        assert (await api.http.get(path, headers=account.headers)).status_code == 404
    for method, path in (("DELETE", uri), ("POST", f"{uri}/transcribe")):
        assert (await api.http.request(method, path, headers=account.headers)).status_code == 404
    after = (await api.http.get("/v1/voicenotes", headers=account.headers)).json()["total"]
    assert after == before - 1
    assert (await ann.ask("DELETE", f"/{note['id']}")).status_code == 404
    assert note["id"] not in [one["id"] for one in (await ann.page())["voiceNotes"]]
    async with database.transaction() as session:
        [kept] = await session.scalars(
            text("SELECT audio_key FROM notes WHERE deleted_at IS NOT NULL AND id = :id"), {"id": note["id"]}
        )
    assert await api.context.objects.read(kept) == CLIP


async def test_an_uploads_audio_is_copied(api: Api, account: Account, ann: Lvng) -> None:
    url = await ann.upload()
    source = (await api.http.get("/v1/voicenotes", headers=ann.headers)).json()["voicenotes"][0]
    assert (await ann.get(source["id"]))["duration"] == 2.5  # as the client said, until it is measured
    note = await ann.create(audioUrl=url)
    assert note["audio_url"] == url
    await api.http.delete(source["uri"], headers=ann.headers)
    await api.context.objects.delete(source["s3_key"])
    uri = f"/v1/voicenotes/{note['id']}"
    assert (await api.http.get(f"{uri}/audio", headers=ann.headers)).content == CLIP
    seen = (await api.http.get(uri, headers=ann.headers)).json()
    assert (seen["status"], seen["audio_format"], seen["file_size_bytes"]) == ("created", "wav", len(CLIP))
    assert (seen["original_filename"], seen["user_id"]) == ("my note.wav", "ann")
    answer = await ann.ask("POST", json={"audioUrl": url})
    assert answer.status_code == 400  # its upload is gone


async def test_audio_of_others_or_not_yet_there_is_refused(
    api: Api, account: Account, ann: Lvng, bob: Lvng, other_account: Account, database: Database
) -> None:
    foreign = Lvng(api, other_account.headers)
    unknown = f"http://notes.test/v1/voicenotes/{new_uuid()}/audio"
    for url in (await bob.upload(), await foreign.upload(), await ann.upload(None), unknown):
        answer = await ann.ask("POST", json={"audioUrl": url})
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid request")
        assert "audioUrl must be the audio_url of an upload of yours" in answer.json()["message"]
    own = Lvng(api, account.headers)
    assert (await own.create(audioUrl=await bob.upload()))["status"] == "created"
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM notes")) == 5
    stored = [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    assert len(stored) == 4  # three uploads and a copy


async def test_a_v1_note_is_a_voice_note_and_the_other_way_round(
    api: Api, account: Account, ann: Lvng, database: Database
) -> None:
    answer = await api.http.post(
        "/v1/voicenotes",
        headers=ann.headers,
        files={"file": ("a.wav", CLIP)},
        data={"custom_tags": '{"jobId": "1"}'},
    )
    made = answer.json()
    seen = await ann.get(made["id"])
    assert (seen["title"][:11], seen["tags"], seen["metadata"], seen["duration"]) == (
        "Voice Note ",
        [],
        {},
        0,
    )
    assert (seen["mime_type"], seen["status"]) == ("audio/wav", "processing")
    assert seen["audio_url"] == f"http://notes.test/v1/voicenotes/{made['id']}/audio"
    await complete(database, account, made["id"], "Hello.")
    assert (await ann.get(made["id"]))["status"] == "completed"
    assert (await api.http.get(made["uri"], headers=ann.headers)).json()["status"] == "transcribed"

    note = await ann.create(tags=["a"])
    uri = f"/v1/voicenotes/{note['id']}"
    v1 = (await api.http.get(uri, headers=account.headers)).json()
    assert (v1["status"], v1["user_id"], v1["custom_tags"], v1["upload_source"]) == (
        *("created", "ann", None, "url"),
    )
    listed = (await api.http.get("/v1/voicenotes", headers=account.headers)).json()
    assert [one["id"] for one in listed["voicenotes"]] == [made["id"]]  # the other isn't asked for yet
    await ann.ask("POST", f"/{note['id']}/transcribe")
    listed = (await api.http.get("/v1/voicenotes", headers=account.headers)).json()
    assert [one["id"] for one in listed["voicenotes"]] == [note["id"], made["id"]]
    await api.http.delete(uri, headers=account.headers)
    assert (await ann.ask("GET", f"/{note['id']}")).status_code == 404
    async with database.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM notes")) == 1


async def test_a_repeated_create_makes_one_note(api: Api, ann: Lvng) -> None:
    keyed = Lvng(api, {**ann.headers, "Idempotency-Key": "k1"})
    url = await ann.upload()
    one, again = await keyed.create(audioUrl=url), await keyed.create(audioUrl=url)
    assert one == again
    assert (await keyed.ask("POST", json={"audioUrl": ELSEWHERE})).status_code == 409
    assert (await ann.page(status="created"))["total"] == 1
    stored = [path for path in (api.context.settings.data_dir / "audio").rglob("*") if path.is_file()]
    assert len(stored) == 2


async def test_what_arrives_is_counted_as_use(api: Api, account: Account, ann: Lvng) -> None:
    async def used() -> tuple[int, int]:
        usage = (await api.http.get("/v1/account", headers=account.headers)).json()["usage"]
        return usage["current_month"]["voicenotes_count"], usage["current_month"]["storage_used_bytes"]

    await ann.create()
    assert await used() == (0, 0)
    await ann.create(audioUrl=await ann.upload())
    assert await used() == (2, 2 * len(CLIP))


async def test_webhooks_hear_of_voice_notes_as_of_all_others(
    api: Api, account: Account, ann: Lvng, database: Database
) -> None:
    hook = {"url": "http://93.184.216.34/hook", "events": ["voicenote.created", "voicenote.deleted"]}
    assert (await api.http.post("/v1/webhooks", headers=account.headers, json=hook)).status_code == 201

    async def told() -> list[tuple[str, str]]:
        async with database.transaction() as session:
            rows = await session.execute(text("SELECT event, note_id FROM webhook_deliveries ORDER BY id"))
            return [(event.removeprefix("voicenote."), str(note_id)) for event, note_id in rows]

    silent = await ann.create()
    await ann.ask("DELETE", f"/{silent['id']}")  # nobody has heard of it
    assert await told() == []
    url = await ann.upload()
    note = await ann.create(audioUrl=url)
    await ann.ask("DELETE", f"/{note['id']}")
    upload_id = url.split("/")[-2]
    assert await told() == [("created", upload_id), ("created", note["id"]), ("deleted", note["id"])]
