"""Dictations in an app under test, where no worker runs unless the test lets it."""

from sqlalchemy import text

from support.app import Account, Api
from vocafuse_server.core.ids import DictationId

URL = "/v1/audio/transcriptions"


def bearer(account: Account) -> dict[str, str]:
    """What OpenAI's clients send, with the key pair for a key."""
    pair = account.key_pair
    return {"Authorization": f"Bearer {pair.api_key}:{pair.api_secret}"}


async def join_idly(api: Api) -> None:
    """A worker joins the queue and takes nothing off it."""
    async with api.context.database.transaction() as session:
        await session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))


async def begun(api: Api) -> DictationId:
    """The one dictation there is, as soon as it is."""
    while True:
        async with api.context.database.reading() as session:
            found = await session.scalar(text("SELECT id FROM dictations"))
        if found is not None:
            return DictationId(found)


async def assert_nothing_is_left(api: Api, *, jobs: int = 0) -> None:
    """No row, no audio; `jobs` that will find nothing to do."""
    async with api.context.database.reading() as session:
        for table, expected in (("dictations", 0), ("notes", 0), ("procrastinate_jobs", jobs)):
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == expected, table
    folder = api.context.settings.data_dir
    assert [path for path in folder.glob("audio/**/*") if path.is_file()] == []
