"""Dictations in an app under test, where no worker runs unless the test lets it."""

from sqlalchemy import text

from support.app import Api
from vocafuse_server.core.ids import DictationId


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
