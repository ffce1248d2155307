"""Hearing of what other processes commit, through Postgres' notifications."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from vocafuse_server.core.logging import get_logger

log = get_logger(__name__)

_LONGEST_WAIT_S = 5.0
# A connection that a firewall has forgotten is noticed after about a minute.
_KEEPALIVE: dict[str, Any] = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


class Listener:
    """Listens to one channel, on a connection of its own that is opened again whenever it is lost.

    Args:
        url: The database, as libpq reads it.
        channel: Which notifications are wanted.
        heard: Called with the payload of each; a ValueError says that it can't be read, which is no harm:
            whoever may connect to the database may notify.
        missed: Called whenever some may have been missed: each time that listening has just begun.
    """

    def __init__(
        self, url: str, channel: str, *, heard: Callable[[str], None], missed: Callable[[], None]
    ) -> None:
        self._url = url
        self._channel = channel
        self._heard = heard
        self._missed = missed
        self._listening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; does nothing if it has begun."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen_for_ever())

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    async def _listen_for_ever(self) -> None:
        wait_s = 0.1
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, **_KEEPALIVE)
                async with connection:
                    await connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
                    wait_s = 0.1
                    self._missed()
                    async for notification in connection.notifies():
                        self._pass_on(notification.payload)
            except psycopg.Error as error:  # All of them: a standby refuses to be listened to, for one.
                log.warning("not listening to the database for the moment", error=str(error).strip())
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _pass_on(self, payload: str) -> None:
        try:
            self._heard(payload)
        except ValueError:
            log.warning("notification passed over that can't be read", channel=self._channel)
