"""Document 002: pages and filters, of every list."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support.app import SettableClock

from conformance.examples import assert_same_form, example
from conformance.promises import promise
from conformance.service import HOOK_URL, ApiUser, Service

NOTES = "/v1/voicenotes"
KEYS = "/v1/account/api-keys"
WEBHOOKS = "/v1/webhooks"
METADATA = ["uri", "first_page_uri", "next_page_uri", "previous_page_uri", "page", "page_size", "total"]


async def make_notes(user: ApiUser, count: int) -> None:
    for _ in range(count):
        await user.upload()


async def make_keys(user: ApiUser, count: int) -> None:
    for _ in range(count - 1):  # The first one is the user's own.
        await user.post(KEYS, {})


async def make_webhooks(user: ApiUser, count: int) -> None:
    for number in range(count):
        await user.post(WEBHOOKS, {"url": f"{HOOK_URL}/{number}", "events": ["voicenote.created"]})


Fill = Callable[[ApiUser, int], Awaitable[None]]
every_list = pytest.mark.parametrize(
    ("path", "collection", "fill"),
    [
        pytest.param(NOTES, "voicenotes", make_notes, id="voicenotes"),
        pytest.param(KEYS, "api_keys", make_keys, id="api_keys"),
        pytest.param(WEBHOOKS, "webhooks", make_webhooks, id="webhooks"),
    ],
)


@promise("002", "Pagination", "Voice notes, API keys and webhooks are listed in pages")
@every_list
async def test_pagination_of_every_list(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 3)
    page = await user.get(f"{path}?limit=2")
    assert list(page) == [collection, *METADATA]
    assert (len(page[collection]), page["total"]) == (2, 3)


@promise(
    "002", "Pagination: Query Parameters", "`page` is an integer, 0 when it isn't given, without a maximum"
)
@every_list
async def test_parameters_page(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 1)
    assert (await user.get(path))["page"] == 0
    far = await user.get(f"{path}?page=1000000")
    assert (far["page"], far[collection]) == (1_000_000, [])
    await user.refused("GET", f"{path}?page=first", 400)


@promise("002", "Pagination: Query Parameters", "`limit` is an integer, 50 when it isn't given, at most 100")
@every_list
async def test_parameters_limit(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 51)
    for query, shown in (("", 50), ("?limit=100", 51)):
        page = await user.get(f"{path}{query}")
        assert (len(page[collection]), page["total"]) == (shown, 51)
    for limit in ("101", "many"):
        await user.refused("GET", f"{path}?limit={limit}", 400)


@promise("002", "Pagination: Query Parameters", "The example: `page=1&limit=25` is the second page of 25")
async def test_parameters_of_the_example(user: ApiUser) -> None:
    await make_notes(user, 30)
    all_ids = await user.ids(NOTES)
    assert await user.ids(f"{NOTES}?page=1&limit=25") == all_ids[25:]


@promise("002", "Pagination: Response Metadata", "Every field listed is there with its type")
@every_list
async def test_metadata_types(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 3)
    page = await user.get(f"{path}?page=1&limit=1")
    types = [str, str, str, str, int, int, int]
    assert [type(page[name]) for name in METADATA] == types


@promise("002", "Pagination: Response Metadata", "`page` is the page's number, from 0")
@every_list
async def test_metadata_page(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 3)
    assert [(await user.get(f"{path}?page={number}&limit=1"))["page"] for number in range(3)] == [0, 1, 2]


@promise("002", "Pagination: Response Metadata", "`page_size` is the number of results in this response")
@every_list
async def test_metadata_page_size(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 3)
    sizes = [(await user.get(f"{path}?page={number}&limit=2"))["page_size"] for number in range(3)]
    assert sizes == [2, 1, 0]


@promise("002", "Pagination: Response Metadata", "`total` counts all that match the query")
async def test_metadata_total(user: ApiUser) -> None:
    await user.upload(user_id="ann")
    await user.upload()
    await user.upload(user_id="ann")
    for query, total in (("", 3), ("&user_id=ann", 2), ("&user_id=ann&page=9", 2), ("&status=failed", 0)):
        assert (await user.get(f"{NOTES}?limit=1{query}"))["total"] == total


@promise("002", "Pagination: Response Metadata", "`uri` and `first_page_uri` lead to this page and the first")
@every_list
async def test_metadata_uris(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 2)
    page = await user.get(f"{path}?page=1&limit=1")
    assert await user.ids(page["uri"]) == [item["id"] for item in page[collection]]
    assert await user.ids(page["first_page_uri"]) == await user.ids(f"{path}?limit=1")


@promise("002", "Pagination: Response Metadata", "`next_page_uri` leads on, and is null on the last page")
@every_list
async def test_metadata_next_page_uri(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 4)
    first = await user.get(f"{path}?limit=2")
    assert first["next_page_uri"] == f"{path}?page=1&limit=2"
    last = await user.get(first["next_page_uri"])
    assert (last["page_size"], last["next_page_uri"]) == (2, None)


@promise(
    "002", "Pagination: Response Metadata", "`previous_page_uri` leads back, and is null on the first page"
)
@every_list
async def test_metadata_previous_page_uri(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 2)
    second = await user.get(f"{path}?page=1&limit=1")
    assert second["previous_page_uri"] == f"{path}?page=0&limit=1"
    assert (await user.get(second["previous_page_uri"]))["previous_page_uri"] is None


@promise(
    "002", "Pagination: Example Paginated Response", "The example: page 1 of 25 notes by 10, to the letter"
)
async def test_example_page(user: ApiUser) -> None:
    await make_notes(user, 25)
    shown = example("002_page")
    page = await user.get(f"{NOTES}?page=1&limit=10")
    assert list(page) == list(shown)
    assert {**page, "voicenotes": []} == {**shown, "voicenotes": []}
    [item] = shown["voicenotes"]
    abridged = [{name: note[name] for name in note if name in item} for note in page["voicenotes"]]
    assert_same_form(shown["voicenotes"], abridged)


@promise(
    "002",
    "Pagination: Iterating Through Pages",
    "Page after page until `next_page_uri` is null: each note once",
)
async def test_iterating_by_hand(service: Service, user: ApiUser) -> None:
    await make_notes(user, 7)

    client = service.client(user)

    def walk() -> list[str]:
        found: list[str] = []
        page = 0
        while True:
            response: Any = client.voicenotes.list(page=page, limit=3)
            found.extend(note["id"] for note in response["voicenotes"])
            if response["next_page_uri"] is None:
                return found
            page += 1

    with client:
        assert await asyncio.to_thread(walk) == await user.ids(NOTES)


@promise(
    "002", "Pagination: Iterating Through Pages", "The client library's `list_all()` goes through all pages"
)
async def test_iterating_by_the_client_library(service: Service, user: ApiUser) -> None:
    await make_notes(user, 51)

    with service.client(user) as client:
        notes = await asyncio.to_thread(list, client.voicenotes.list_all())
    assert [note["id"] for note in notes] == await user.ids(f"{NOTES}?limit=100")


@promise(
    "002", "Pagination: Best Practices", "The last page may hold fewer results; an empty list is a page, too"
)
@every_list
async def test_practices_last_pages(user: ApiUser, path: str, collection: str, fill: Fill) -> None:
    await fill(user, 3)
    page = await user.get(f"{path}?page=1&limit=2")
    assert (page["page_size"], len(page[collection]), page["next_page_uri"]) == (1, 1, None)
    past = await user.get(f"{path}?page=2&limit=2")
    assert (past[collection], past["page_size"], past["total"], past["next_page_uri"]) == ([], 0, 3, None)


@promise(
    "002",
    "Filtering: Common Filter Parameters",
    "Voice notes: the example `?status=transcribed&date_from=2025-10-01`",
)
async def test_filters_of_notes(service: Service, user: ApiUser) -> None:
    service.clock.now = datetime(2025, 9, 30, tzinfo=timezone.utc)
    await service.transcribed(user)
    service.clock.now = datetime(2025, 10, 1, tzinfo=timezone.utc)
    note = await service.transcribed(user)
    await user.upload()
    assert await user.ids(f"{NOTES}?status=transcribed&date_from=2025-10-01") == [note["id"]]


@promise("002", "Filtering: Common Filter Parameters", "API keys: the example `?status=active`")
async def test_filters_of_keys(user: ApiUser) -> None:
    kept, revoked = [await user.post(KEYS, {}) for _ in range(2)]
    await user.call("DELETE", revoked["uri"])
    active = await user.ids(f"{KEYS}?status=active")
    assert kept["id"] in active
    assert revoked["id"] not in active
    assert await user.ids(f"{KEYS}?status=revoked") == [revoked["id"]]


@promise("002", "Filtering: Common Filter Parameters", "Webhooks: the example `?status=active`")
async def test_filters_of_webhooks(user: ApiUser) -> None:
    await make_webhooks(user, 2)
    disabled, active = await user.ids(WEBHOOKS)
    await user.call("PUT", f"{WEBHOOKS}/{disabled}", json={"status": "disabled"})
    assert await user.ids(f"{WEBHOOKS}?status=active") == [active]
    assert await user.ids(f"{WEBHOOKS}?status=disabled") == [disabled]


@promise("002", "Filtering: Date Filtering", "The example: from a date of seven days ago, as YYYY-MM-DD")
async def test_dates_of_the_last_seven_days(clock: SettableClock, user: ApiUser) -> None:
    today = datetime(2025, 10, 8, 15, tzinfo=timezone.utc)
    clock.now = today - timedelta(days=8)
    await user.upload()
    clock.now = today - timedelta(days=7)
    note = await user.upload()
    seven_days_ago = (today - timedelta(days=7)).strftime("%Y-%m-%d")
    assert await user.ids(f"{NOTES}?date_from={seven_days_ago}") == [note["id"]]


@promise(
    "002",
    "Filtering: Date Filtering",
    "The example: a range from 2025-10-01 to 2025-10-31, both days included",
)
async def test_dates_of_a_range(clock: SettableClock, user: ApiUser) -> None:
    made: list[str] = []
    for day in ("2025-09-30T23:59:59", "2025-10-01T00:00:00", "2025-10-31T23:59:59", "2025-11-01T00:00:00"):
        clock.now = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
        made.append((await user.upload())["id"])
    assert await user.ids(f"{NOTES}?date_from=2025-10-01&date_to=2025-10-31") == [made[2], made[1]]


@promise(
    "002",
    "Filtering: Status Filtering",
    "The examples: `transcribed`, `failed` and `processing`, by the client library",
)
async def test_statuses_by_the_client_library(service: Service, user: ApiUser) -> None:
    done, failed = await user.upload(), await user.upload("wav-0-hz.wav")
    await service.work()
    waiting = await user.upload()
    with service.client(user) as client:
        for status, note in (("transcribed", done), ("failed", failed), ("processing", waiting)):
            page = await asyncio.to_thread(client.voicenotes.list, status=status)
            assert [one["id"] for one in page] == [note["id"]]


@promise("002", "Filtering: Combining Filters", "The examples: status, dates and limit all narrow together")
async def test_combining_status_and_dates(service: Service, user: ApiUser) -> None:
    made: dict[tuple[str, str], str] = {}
    for day in ("2025-09-30", "2025-10-02", "2025-11-01"):
        service.clock.now = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
        made[day, "transcribed"] = (await user.upload())["id"]
        made[day, "failed"] = (await user.upload("wav-0-hz.wav"))["id"]
    await service.work()
    wanted = f"{NOTES}?status=transcribed&date_from=2025-10-02&limit=100"
    assert await user.ids(wanted) == [made["2025-11-01", "transcribed"], made["2025-10-02", "transcribed"]]
    wanted = f"{NOTES}?status=failed&date_from=2025-10-01&date_to=2025-10-31"
    assert await user.ids(wanted) == [made["2025-10-02", "failed"]]
