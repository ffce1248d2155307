"""SQL of the hold that a backup has on the notes' audio while it is made."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

# The key of an advisory lock, which Postgres releases when its holder dies.
AUDIO_HOLD = 0x6261636B


async def audio_is_held(session: AsyncSession) -> bool:
    """Whether a backup is being made, so that audio of notes that are gone by now has to stay.

    What a backup that begins later holds are the notes of that moment: asking beforehand is enough. Those who
    ask share the lock, and take none of them for a backup.
    """
    return not await session.scalar(select(func.pg_try_advisory_xact_lock_shared(AUDIO_HOLD)))
