"""Searching titles and transcripts: in the language of each note, ranked, and shown where."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text as sql
from sqlalchemy import update
from support.app import NOON, Account, Api
from support.notes import make_note

from vocafuse_server.notes.models import Note, NoteStatus, TranscriptionRow
from vocafuse_server.notes.search_queries import RANKED

URL = "/v1/voicenotes"


async def add(api: Api, account: Account, *notes: dict[str, Any]) -> list[str]:
    """Notes, each an hour after the one before."""
    async with api.context.database.transaction() as session:
        return [
            str(await make_note(session, account.id, created_at=NOON + timedelta(hours=hour), **note))
            for hour, note in enumerate(notes)
        ]


async def search(api: Api, account: Account, q: str, **more: str) -> list[dict[str, Any]]:
    answer = await api.http.get(URL, headers=account.headers, params={"q": q, **more})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["voicenotes"])
    found: list[dict[str, Any]] = answer.json()["voicenotes"]
    return found


async def ids(api: Api, account: Account, q: str, **more: str) -> list[str]:
    return [note["id"] for note in await search(api, account, q, **more)]


def shown(parts: Sequence[dict[str, Any]]) -> str:
    """Parts as one text, with the hits in brackets."""
    return "".join(f"[{part['text']}]" if part["hit"] else part["text"] for part in parts)


async def test_words_are_found_in_the_language_of_each_note(api: Api, account: Account) -> None:
    english, german, other, title, unspaced, korean = await add(
        api,
        account,
        {"text": "We talked about two budgets.", "language": "en"},
        {"text": "Wir sprachen über die Häuser.", "language": "de"},
        {"text": "Mwaka mpya wenye budgets.", "language": "sw"},
        {"title": "Budget for 2027", "status": NoteStatus.PROCESSING},
        {"text": "我们明天去划船。船很大", "language": "zh"},
        {"text": "우리는 내일 학교에서 만나요", "language": "ko"},
    )
    assert await ids(api, account, "budget") == [title, english]
    assert await ids(api, account, "budgets") == [other, english]
    assert await ids(api, account, "Haus") == [german]
    assert await ids(api, account, "budget -talking") == [title]
    assert await ids(api, account, "budget 2027") == [title]
    assert await ids(api, account, "haus or 2027") == [title, german]
    assert await ids(api, account, "划船") == [unspaced]
    assert await ids(api, account, "船划") == []
    assert await ids(api, account, "学校") == []
    assert await ids(api, account, "학교") == [korean]
    assert await ids(api, account, "the") == []
    assert await ids(api, account, "voice note") == []


async def test_a_word_can_be_found_by_its_beginning(api: Api, account: Account) -> None:
    english, german, both, other = await add(
        api,
        account,
        {"text": "Hello, we are running late.", "language": "en"},
        {"text": "Die Häuser an der Straße.", "language": "de"},
        {"text": "A carpet in the car, as the theatre has it.", "language": "en"},
        {"text": "Mwaka hellos.", "title": "Runway", "language": "sw"},
    )
    assert await ids(api, account, "hel") == []
    assert await ids(api, account, "hel*") == await ids(api, account, "HELLO*") == [other, english]
    assert await ids(api, account, "running*") == [english]
    assert await ids(api, account, "runs*") == [english]
    assert await ids(api, account, "run*") == [other, english]
    assert await ids(api, account, "Häu*") == await ids(api, account, "Häuser*") == [german]
    assert await ids(api, account, "Stra*") == await ids(api, account, "Straß*") == [german]
    assert await ids(api, account, "the*") == [both]
    assert await ids(api, account, '"running lat*"') == [english]
    assert await ids(api, account, '"late run*"') == []
    assert await ids(api, account, "hel* -run*") == []
    assert await ids(api, account, "stra* or carp*") == [both, german]
    [found] = await search(api, account, "carp*")
    assert shown(found["match"]["snippet"]) == "A [carpet] in the car, as the theatre has it."


async def test_what_was_found_is_shown_as_text_with_its_time(api: Api, account: Account) -> None:
    long = "Well then. " * 40 + "<script>alert('Budgets & plans')</script> of all budgets."
    [note_id] = await add(api, account, {"text": long, "title": "<b>Budget</b> 划船", "language": "en"})
    said = [("Well", 0.0), ("Budgets", 81.25), ("budgets.", 84.0)]
    words = [{"word": word, "start_time": at, "end_time": at, "confidence": 1.0} for word, at in said]
    async with api.context.database.transaction() as session:
        await session.execute(update(TranscriptionRow).values(words=words))
    [found] = await search(api, account, "budget")
    match = found["match"]
    assert list(match) == ["title", "snippet", "start_time"]
    assert shown(match["title"]) == "<b>[Budget]</b> 划船"
    assert shown(match["snippet"]).endswith("<script>alert('[Budgets] & plans')</script> of all [budgets].")
    assert shown(match["snippet"]).startswith("…")
    assert match["start_time"] == 81.25
    [found] = await search(api, account, "划船")
    assert shown(found["match"]["title"]) == "<b>Budget</b> [划船]"
    assert (found["match"]["snippet"], found["match"]["start_time"]) == (None, None)
    listed = await api.http.get(URL, headers=account.headers)
    assert "match" not in listed.json()["voicenotes"][0]
    assert note_id == found["id"]


async def test_the_best_come_first_if_that_is_wished(api: Api, account: Account) -> None:
    title, often, once, _ = await add(
        api,
        account,
        {"text": "Nothing here.", "title": "Budget"},
        {"text": "The budget, this budget and that budget."},
        {"text": "Of many other things we did not speak about the budget at all."},
        {"text": "Something else."},
    )
    assert await ids(api, account, "budget") == [once, often, title]
    assert await ids(api, account, "budget", sort="relevance") == [title, often, once]
    pages = [
        (await api.http.get(URL, headers=account.headers, params={**ASKED, "page": str(page)})).json()
        for page in range(3)
    ]
    assert [page["voicenotes"][0]["id"] for page in pages] == [title, often, once]
    assert pages[0]["next_page_uri"] == f"{URL}?page=1&limit=1&q=budget&sort=relevance"
    refused = await api.http.get(URL, headers=account.headers, params={"q": "a", "sort": "best"})
    assert refused.status_code == 400


ASKED = {"q": "budget", "sort": "relevance", "limit": "1"}


async def test_beyond_the_ranked_ones_every_other_follows_once(api: Api, account: Account) -> None:
    async with api.context.database.transaction() as session:
        await session.execute(FILL, {"tenant": account.id, "first": 0, "last": RANKED + 29})
    seen: list[str] = []
    for page in (RANKED // 100 - 1, RANKED // 100):
        asked = {"q": "budget", "sort": "relevance", "limit": "100", "page": str(page)}
        answer = await api.http.get(URL, headers=account.headers, params=asked)
        assert answer.json()["total"] == RANKED + 30
        seen += [note["original_filename"] for note in answer.json()["voicenotes"]]
    assert seen == [str(at) for at in range(129, -1, -1)]


FILL = sql(
    """
    INSERT INTO notes (id, tenant_id, status, title, original_filename, audio_key, upload_source,
      created_at, updated_at)
    SELECT gen_random_uuid(), :tenant, 'transcribed', 'The budget of ' || i, i::text, 'a', 'api', at, at
    FROM generate_series(CAST(:first AS int), :last) AS i,
      LATERAL (SELECT now() + i * interval '1 s' AS at) AS moments
    """
)


async def test_what_changes_is_found_as_it_is_now(api: Api, account: Account) -> None:
    [note_id] = await add(api, account, {"text": "one", "title": "first"})
    async with api.context.database.transaction() as session:
        await session.execute(update(Note).values(title="second"))
        await session.execute(update(TranscriptionRow).values(text="zweite Häuser", language="de"))
    for q, found in [("one", []), ("first", []), ("second", [note_id]), ("haus", [note_id])]:
        assert await ids(api, account, q) == found
    async with api.context.database.transaction() as session:
        await session.execute(update(Note).values(title="Voice Note 2026-01-01 00:00:00", deleted_at=NOON))
    assert await ids(api, account, "second") == await ids(api, account, "haus") == []
    async with api.context.database.transaction() as session:
        await session.execute(update(Note).values(deleted_at=None))
    assert await ids(api, account, "haus") == [note_id]
    await api.http.delete(f"{URL}/{note_id}", headers=account.headers)
    assert await ids(api, account, "haus") == []


async def test_others_notes_are_not_found(api: Api, account: Account, other_account: Account) -> None:
    await add(api, other_account, {"text": "our secret budget", "identity": "ann"})
    mine, anns = await add(api, account, {"text": "budget"}, {"text": "budget", "identity": "ann"})
    assert await ids(api, account, "budget") == [anns, mine]
    assert await ids(api, account, "budget", user_id="ann") == [anns]
    assert await ids(api, account, "budget", user_id="ann", status="failed") == []
    for q in ("secret", f"{other_account.id}:english", f"'{other_account.id}:english'", "-nothing"):
        assert set(await ids(api, account, q)) <= {mine, anns}


@pytest.mark.parametrize(
    "q",
    [
        "&|!:*()'\\",
        '"',
        '"" ""',
        "-",
        "--",
        "or or",
        "<->",
        "a:*b",
        "abc* def*",
        '"abc*',
        "-abc*",
        "²³¹*",
        "''::text",
        "x" * 255,
        "划" * 255,
        "%_",
        "\ufeff",
    ],
)
async def test_no_query_is_too_odd(api: Api, account: Account, q: str) -> None:
    await add(api, account, {"text": "a budget", "language": "en"}, {"text": "划船", "language": None})
    assert len(await ids(api, account, q, sort="relevance")) <= 2
    for unusable in ("\x00", "x" * 10_000, ""):
        answer = await api.http.get(URL, headers=account.headers, params={"q": q[:0] + unusable})
        assert answer.status_code == 400


async def test_a_search_reads_the_tenants_own_hits_alone(
    api: Api, account: Account, other_account: Account
) -> None:
    async with api.context.database.transaction() as session:
        await session.execute(FILL, {"tenant": other_account.id, "first": 1, "last": 3000})
    await add(api, account, {"title": "My budget"}, {"title": "Another"})
    async with api.context.database.transaction() as session:
        await session.execute(sql("ANALYZE note_search"))
        await session.execute(sql("SET LOCAL enable_seqscan = off"))
        asked = f"'{account.id}:simple' & 'budget'"
        [plan] = await session.scalars(
            sql(
                "EXPLAIN (ANALYZE, FORMAT JSON) SELECT note_id FROM note_search"
                " WHERE document @@ CAST(:asked AS tsquery)"
            ),
            {"asked": asked},
        )
    top = plan[0]["Plan"]
    assert top["Node Type"] == "Bitmap Heap Scan"
    assert top["Actual Rows"] == top["Plans"][0]["Actual Rows"] == 1
